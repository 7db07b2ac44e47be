"""A Schema Registry with the Confluent API, as far as tests need it."""
import requests

from support.avro_schema import versions

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
REQUEST_LIMIT_S = 30

# What the subjects of the four topics are registered with, by the name of the record.
COMPATIBILITY = {
    "ProvisioningEvent": "BACKWARD_TRANSITIVE",
    "ProvisioningResult": "FULL_TRANSITIVE",
    "ChangeRecord": "FULL_TRANSITIVE",
}


class Registry:
    """One registry; `url` is the root of its Confluent API."""

    def __init__(self, url):
        self.url = url.rstrip("/")

    def set_compatibility(self, subject, level):
        self._call("PUT", f"/config/{subject}", {"compatibility": level})

    def register(self, subject, schema):
        """The id of the schema, which becomes the newest version of the subject unless it is there already."""
        return self._call("POST", f"/subjects/{subject}/versions", {"schema": schema.text})["id"]

    def refuses(self, subject, schema_text):
        """Whether the registry finds the schema incompatible with the versions of the subject."""
        response = self._send("POST", f"/subjects/{subject}/versions", {"schema": schema_text})
        assert response.ok or response.status_code == requests.codes.conflict, f"{subject}: {response.text}"
        return not response.ok

    def schema_text(self, schema_id):
        return self._call("GET", f"/schemas/ids/{schema_id}")["schema"]

    def versions(self, subject):
        return self._call("GET", f"/subjects/{subject}/versions")

    def delete(self, subject):
        self._call("DELETE", f"/subjects/{subject}")

    def _call(self, method, path, body=None):
        response = self._send(method, path, body)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    def _send(self, method, path, body):
        headers = {"Content-Type": CONTENT_TYPE}
        return requests.request(method, self.url + path, json=body, headers=headers, timeout=REQUEST_LIMIT_S)


def register_all(registry, topics):
    """What `provctl schema register` does: record -> ids of its versions."""
    subjects = {
        "ProvisioningEvent": topics.events + "-value",
        "ProvisioningResult": topics.results + "-value",
        "ChangeRecord": topics.changes + "-value",
    }
    ids = {}
    for record, subject in subjects.items():
        ids[record] = [registry.register(subject, schema) for schema in versions(record)]
        registry.set_compatibility(subject, COMPATIBILITY[record])
    return ids
