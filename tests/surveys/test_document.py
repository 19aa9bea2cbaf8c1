"""What the service says of itself."""

from openapi_spec_validator import validate

from services.surveys.app import app
from services.surveys.schemas import NewResponse


def test_the_document_is_valid_and_every_operation_says_what_it_does_and_refuses() -> None:
    document = app.openapi()
    validate(document)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["description"].endswith(".")
            if path.startswith("/v1"):
                assert {"401", "403", "422"} <= operation["responses"].keys()
                assert operation["security"][0]["bearer"][0] in {"surveys:read", "surveys:answer"}
    assert {"200", "201", "404", "409"} <= document["paths"]["/v1/responses"]["post"]["responses"].keys()


def test_its_examples_are_accepted() -> None:
    for example in NewResponse.model_json_schema()["examples"]:
        NewResponse.model_validate(example)
