"""What requests and answers look like, for the description that ``GET /openapi.json`` gives."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from trainer.inference.serving.about import CATEGORY, NUMBER, Facts
from trainer.inference.serving.limits import FORM, IMAGE, JSON


class Fault(BaseModel):
    """Why there is no answer."""

    kind: str
    message: str


class Refusal(BaseModel):
    """What every answer holds that is no prediction."""

    error: Fault


class Prediction(BaseModel):
    """Of one row."""

    model_config = ConfigDict(populate_by_name=True)

    id: str | int | float = Field(description="as it was sent, else the row's number from 0")
    prediction: str | list[str] | float = Field(description="the class, the labels, or the number")
    probabilities: dict[str, float] | None = Field(None, description="by class; none of numbers")
    spread: float = Field(description="standard deviation between the folds, the largest over classes")
    entropy: float | None = Field(None, description="in nats; none of numbers")
    folds: dict[str, Any] | None = Field(None, description="what each fold says, where that is asked for")
    covering: list[str] | None = Field(None, alias="set", description="classes that cover, where that was decided")
    interval: list[float] | None = Field(None, description="that covers, of numbers")


class Predictions(BaseModel):
    """The answer."""

    predictions: list[Prediction]
    notes: list[str] = Field(description="what differs from the run's data: categories that are new, other writings")


STATUSES = {
    408: "it came too slowly",
    413: "it is too large",
    415: "it is of another form",
    422: "its rows do not fit the run; the message names row and column",
    503: "too many wait",
    504: "it took too long",
}
PREDICT: dict[str, Any] = {
    "summary": "Predict one row or many",
    "response_model": Predictions,
    "responses": {status: {"model": Refusal, "description": said} for status, said in STATUSES.items()},
}


def predict_request(facts: Facts) -> dict[str, Any]:
    """Return the schema of the body, made of the columns of the run."""
    if facts["input"] == "image":
        image = {"type": "string", "format": "binary"}
        form = {"type": "object", "properties": {"file": {"type": "array", "items": image}}, "required": ["file"]}
        content: dict[str, Any] = {FORM: {"schema": form}, f"{IMAGE}*": {"schema": image}}
    else:
        row = {
            "type": "object",
            "properties": {column["name"]: _cell(column) for column in facts["columns"]},
            "required": [column["name"] for column in facts["columns"]],
        }
        rows = {"type": "array", "items": row, "minItems": 1, "maxItems": facts["limits"]["max_rows"]}
        content = {JSON: {"schema": {"oneOf": [row, rows]}}}
    return {"requestBody": {"required": True, "content": content}}


def _cell(column: Facts) -> dict[str, Any]:
    if column["kind"] == NUMBER:
        return {"type": ["number", "string", "null"], "description": f"in the run's data {column['written']}"}
    if column["kind"] == CATEGORY:
        return {"type": ["string", "number", "boolean", "null"], "examples": column["categories"][:5]}
    return {"type": ["string", "null"]}
