"""The original client's verbs: what was written against it goes on."""

import json
from pathlib import Path

import pytest
from netanomaly.registry import ModelRegistryClient
from netanomaly.registry.errors import NotInRegistry

ORIGINAL_FIELDS = {"version", "model_path", "creation_timestamp", "description", "metadata", "metrics"}


@pytest.fixture
def client(place) -> ModelRegistryClient:
    return ModelRegistryClient(place.uri)


def test_a_model_is_registered_listed_and_looked_up(client, place, model_file):
    assert client.list_models() == []
    made = client.register_model(
        "office", "1.0.0", str(model_file), description="d", metadata={"owner": "net"}, metrics={"roc_auc": 0.9}
    )
    assert set(made) >= ORIGINAL_FIELDS
    assert (made["version"], made["number"], made["description"], made["metrics"]) == (
        "1.0.0",
        1,
        "d",
        {"roc_auc": 0.9},
    )
    assert made["metadata"]["owner"] == "net"
    again = client.register_model(
        "office", "1.0.0", model_file, description="d", metadata={"owner": "net"}, metrics={"roc_auc": 0.9}
    )
    assert again == made
    assert client.register_model("office", "1.1.0", model_file)["number"] == 2
    assert [(one["model_name"], one["versions_registered"]) for one in client.list_models()] == [("office", 2)]
    assert [one["version"] for one in client.list_model_versions("office")] == ["1.0.0", "1.1.0"]
    assert client.get_model_version_details("office", "1.0.0") == made
    assert client.get_model_version_details("office", 1) == client.get_model_version_details("office", "1") == made
    assert client.get_model_version_details("office")["version"] == "1.1.0"
    place.open().set_alias("office:1", "champion")
    assert client.get_model_version_details("office", "champion")["number"] == 1
    details = client.get_model_details("office")
    assert details["metadata"]["aliases"] == {"champion": 1}
    assert len(details["versions"]) == 2
    for fails in (lambda: client.list_model_versions("x"), lambda: client.get_model_version_details("office", "2.0")):
        with pytest.raises(NotInRegistry):
            fails()


def test_in_a_folder_the_path_is_that_of_the_file_and_the_original_json_lists_it(tmp_path, model_file):
    folder = tmp_path / "a registry"
    made = ModelRegistryClient(folder).register_model("office", "1.0.0", model_file)
    assert Path(made["model_path"]).read_bytes() == model_file.read_bytes()
    version = json.loads((folder / "model_registry.json").read_text())["models"][0]["versions"][0]
    assert set(version) >= ORIGINAL_FIELDS
    assert folder / version["model_path"] == Path(made["model_path"])


def test_what_is_called_the_same_twice_is_the_newest(client, model_file):
    client.register_model("office", "1.0.0", model_file)
    model_file.write_bytes(b"other bytes")
    client.register_model("office", "1.0.0", model_file)
    assert client.get_model_version_details("office", "1.0.0")["number"] == 2
