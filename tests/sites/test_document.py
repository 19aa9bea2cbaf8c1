"""What the service says of itself."""

from openapi_spec_validator import validate

from services.sites.app import app
from services.sites.schemas.register import NewOrganisation, NewSite, OrganisationChange, SiteChange

PUBLIC = {"/v1/questions/public"}
ANY_TOKEN = {"/v1/sync"}  # each operation in a batch needs its own scopes


def test_the_document_is_valid_and_every_operation_says_what_it_does_and_refuses() -> None:
    document = app.openapi()
    validate(document)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["description"].endswith(".")
            if path.startswith("/v1") and path not in PUBLIC:
                assert {"401", "403", "422"} <= operation["responses"].keys()
                assert path in ANY_TOKEN or operation["security"][0]["bearer"][0] in {"sites:read", "sites:write"}
    assert {"404", "412", "428"} <= document["paths"]["/v1/sites/{site_id}"]["patch"]["responses"].keys()
    assert {"200", "201", "409"} <= document["paths"]["/v1/sites"]["post"]["responses"].keys()


def test_its_examples_are_accepted() -> None:
    for model in (NewOrganisation, NewSite, OrganisationChange, SiteChange):
        for example in model.model_json_schema()["examples"]:
            model.model_validate(example)
