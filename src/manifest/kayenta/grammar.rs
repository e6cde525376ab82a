//! What a canary config, a request and a pipeline may hold.

use super::super::account::Grammar;

const READER: &str = "Kayenta at a69573be";

/// The fields of a canary config.
pub(super) const CONFIG: Grammar = Grammar {
    reader: READER,
    ignored: &[
        ("name", NAMES),
        ("id", NAMES),
        ("description", NAMES),
        ("configVersion", NAMES),
        ("createdTimestamp", NAMES),
        ("createdTimestampIso", NAMES),
        ("updatedTimestamp", NAMES),
        ("updatedTimestampIso", NAMES),
        ("isNew", NAMES),
        ("judge.judgeConfigurations", UNREAD),
        ("metrics[].id", NAMES),
        ("metrics[].query", ELSEWHERE),
        ("templates", "no metric names this template"),
    ],
    known: KNOWN,
    renamed: &[],
};

/// The fields of a request's body.
pub(super) const REQUEST: Grammar = Grammar {
    reader: READER,
    ignored: &[
        ("canaryConfig.name", NAMES),
        ("canaryConfig.id", NAMES),
        ("canaryConfig.description", NAMES),
        ("canaryConfig.configVersion", NAMES),
        ("canaryConfig.judge.judgeConfigurations", UNREAD),
        ("canaryConfig.metrics[].id", NAMES),
        ("canaryConfig.metrics[].query", ELSEWHERE),
        ("canaryConfig.templates", "no metric names this template"),
        ("executionRequest.metadata", NAMES),
        ("executionRequest.siteLocal", NAMES),
    ],
    known: &[],
    renamed: &[],
};

/// The fields of a pipeline.
pub(super) const PIPELINE: Grammar = Grammar {
    reader: "Spinnaker's canary stage",
    ignored: &[
        (
            "stages",
            "another stage, or a field that decides nothing here",
        ),
        ("canaryConfig", "it decides nothing here"),
        ("", "only the canary stage is read"),
    ],
    known: &[],
    renamed: &[],
};

const NAMES: &str = "names and notes decide nothing";
const UNREAD: &str = "the default judge does not read it";
const ELSEWHERE: &str = "the scenario says what this system answers";

const KNOWN: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "name",
            "id",
            "description",
            "configVersion",
            "applications",
            "createdTimestamp",
            "createdTimestampIso",
            "updatedTimestamp",
            "updatedTimestampIso",
            "isNew",
            "judge",
            "metrics",
            "templates",
            "classifier",
            "services",
        ],
    ),
    (
        "metrics[]",
        &[
            "name",
            "id",
            "query",
            "groups",
            "analysisConfigurations",
            "scopeName",
        ],
    ),
    ("metrics[].analysisConfigurations", &["canary"]),
    (
        "metrics[].analysisConfigurations.canary",
        &[
            "direction",
            "nanStrategy",
            "critical",
            "mustHaveData",
            "muted",
            "outliers",
            "effectSize",
        ],
    ),
    (
        "metrics[].analysisConfigurations.canary.outliers",
        &["strategy", "outlierFactor"],
    ),
    (
        "metrics[].analysisConfigurations.canary.effectSize",
        &[
            "measure",
            "allowedIncrease",
            "allowedDecrease",
            "criticalIncrease",
            "criticalDecrease",
        ],
    ),
    ("classifier", &["groupWeights", "scoreThresholds"]),
    ("classifier.scoreThresholds", &["pass", "marginal"]),
    ("judge", &["name", "judgeConfigurations"]),
];
