"""ECR: repositories, whose images are in a real registry.

Checked: a repository has to exist before an image is pushed, a push needs a token of
GetAuthorizationToken, and a repository with images in it cannot be deleted without `force`.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.aws.actors import Made, Resource, ResourceFailed
from tests.aws.errors import AwsError
from tests.aws.registry import Registry
from tests.aws.service import Service
from tests.aws.tagging import Tagging


@dataclass
class Repository:
    name: str
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    policy: str | None = None
    lifecycle: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


class Ecr(Service):
    name = "ecr"

    def __init__(self, account: str, region: str, registry: Registry, tagging: Tagging) -> None:
        self.account, self.region = account, region
        self.registry, self.tagging = registry, tagging
        self.host = f"{account}.dkr.ecr.{region}.amazonaws.com"
        self.repositories: dict[str, Repository] = {}
        self.password = secrets.token_urlsafe()
        self.actors = {"AWS::ECR::Repository": self}

    def may_push(self, name: str, user: str, password: str) -> str | None:
        """Return why an image may not be pushed to the repository `name`, None if it may."""
        if (user, password) != ("AWS", self.password):
            return "no basic auth credentials"
        if name not in self.repositories:
            return (
                f"name unknown: The repository with name '{name}' does not exist in the registry"
                f" with id '{self.account}'"
            )
        return None

    def has(self, image: str) -> bool:
        """Say whether an image is there, by its URI; one of another registry is taken on trust."""
        if not image.startswith(f"{self.host}/"):
            return True
        name = image.removeprefix(f"{self.host}/")
        name, _, reference = name.partition("@") if "@" in name else name.partition(":")
        return name in self.repositories and bool(
            self.registry.manifest(name, reference or "latest")
        )

    def resolved(self, image: str) -> str:
        """Return the URI of an image that is there by its digest."""
        repository, _, tag = image.rpartition(":")
        return f"{repository}@{self.registry.tags(repository.removeprefix(f'{self.host}/'))[tag]}"

    def digest(self, image: str) -> str:
        """Return the digest of an image by its URI, a made up one for another registry's."""
        repository, _, reference = image.partition("@")
        if reference:
            return reference
        name = image.removeprefix(f"{self.host}/")
        repository, _, tag = name.rpartition(":") if ":" in name else (name, "", "latest")
        if found := image.startswith(self.host) and self.registry.manifest(repository, tag):
            return str(found[1]["Docker-Content-Digest"])
        return f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"

    # Operations.

    def create_repository(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["repositoryName"]
        if name in self.repositories:
            text = f"The repository with name '{name}' already exists in the registry"
            raise AwsError("RepositoryAlreadyExistsException", text)
        tags = {tag["Key"]: tag["Value"] for tag in parameters.get("tags", [])}
        self.repositories[name] = Repository(name, tags=tags)
        return {"repository": self._described(self.repositories[name])}

    def describe_repositories(self, parameters: dict[str, Any]) -> dict[str, Any]:
        names = parameters.get("repositoryNames") or list(self.repositories)
        return {"repositories": [self._described(self._find(name)) for name in names]}

    def delete_repository(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = self._find(parameters["repositoryName"])
        images = self.registry.tags(found.name)
        if images and not parameters.get("force"):
            text = (
                f"The repository with name '{found.name}' in registry with id '{self.account}'"
                " cannot be deleted because it still contains images"
            )
            raise AwsError("RepositoryNotEmptyException", text)
        for digest in set(images.values()):
            self.registry.delete(found.name, digest)
        del self.repositories[found.name]
        self.tagging.tagged.pop(self._arn(found.name), None)
        return {"repository": self._described(found)}

    def get_authorization_token(self, _: dict[str, Any]) -> dict[str, Any]:
        token = base64.b64encode(f"AWS:{self.password}".encode()).decode()
        data = {"authorizationToken": token, "proxyEndpoint": f"https://{self.host}"}
        return {"authorizationData": [data]}

    def list_images(self, parameters: dict[str, Any]) -> dict[str, Any]:
        images = self.registry.tags(self._find(parameters["repositoryName"]).name)
        return {
            "imageIds": [{"imageTag": tag, "imageDigest": digest} for tag, digest in images.items()]
        }

    def describe_images(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = self._find(parameters["repositoryName"]).name
        images = self.registry.tags(name)
        wanted = parameters.get("imageIds")
        details = []
        for digest in sorted(set(images.values())):
            tags = sorted(tag for tag, other in images.items() if other == digest)
            ids: list[dict[str, str]] = wanted or [{}]
            if any(_is(each, digest, tags) for each in ids):
                details.append(
                    {
                        "registryId": self.account,
                        "repositoryName": name,
                        "imageDigest": digest,
                        "imageTags": tags,
                        "imagePushedAt": datetime.now(UTC),
                    }
                )
        if wanted and not details:
            text = f"The image with imageId {wanted[0]} does not exist within the repository"
            raise AwsError("ImageNotFoundException", text)
        return {"imageDetails": details}

    def batch_get_image(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = self._find(parameters["repositoryName"]).name
        images, failures = [], []
        for image in parameters["imageIds"]:
            reference = image.get("imageTag") or image["imageDigest"]
            if found := self.registry.manifest(name, reference):
                text, headers = found
                digest = {"imageDigest": headers["Docker-Content-Digest"]}
                images.append(
                    {
                        "registryId": self.account,
                        "repositoryName": name,
                        "imageId": image | digest,
                        "imageManifest": text,
                        "imageManifestMediaType": headers["Content-Type"],
                    }
                )
            else:
                failures.append(_not_found(image))
        return {"images": images, "failures": failures}

    def batch_delete_image(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = self._find(parameters["repositoryName"]).name
        images = self.registry.tags(name)
        deleted, failures = [], []
        for image in parameters["imageIds"]:
            digest = image.get("imageDigest") or images.get(image.get("imageTag", ""))
            if digest in images.values():
                # A tag alone only unties it; without any, ECR forgets the image soon.
                self.registry.delete(name, str(digest))
                deleted.append(image | {"imageDigest": digest})
            else:
                failures.append(_not_found(image))
        return {"imageIds": deleted, "failures": failures}

    def get_repository_policy(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = self._find(parameters["repositoryName"])
        if found.policy is None:
            text = f"Repository policy does not exist for the repository with name '{found.name}'"
            raise AwsError("RepositoryPolicyNotFoundException", text)
        return {"repositoryName": found.name, "policyText": found.policy}

    def set_repository_policy(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = self._find(parameters["repositoryName"])
        found.policy = parameters["policyText"]
        return {"repositoryName": found.name, "policyText": found.policy}

    def get_lifecycle_policy(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = self._find(parameters["repositoryName"])
        if found.lifecycle is None:
            text = f"Lifecycle policy does not exist for the repository with name '{found.name}'"
            raise AwsError("LifecyclePolicyNotFoundException", text)
        return {"repositoryName": found.name, "lifecyclePolicyText": found.lifecycle}

    def put_lifecycle_policy(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = self._find(parameters["repositoryName"])
        found.lifecycle = parameters["lifecyclePolicyText"]
        return {"repositoryName": found.name, "lifecyclePolicyText": found.lifecycle}

    # AWS::ECR::Repository.

    def create(self, resource: Resource) -> Made:
        name = resource.properties.get("RepositoryName", resource.physical_id)
        try:
            self.create_repository({"repositoryName": name})
        except AwsError as error:
            raise ResourceFailed(error.message) from None
        self._set(name, resource)
        uri = f"{self.host}/{name}"
        return Made(name, {"Arn": self._arn(name), "RepositoryUri": uri})

    def update(self, resource: Resource, before: dict[str, Any]) -> Made:
        self._set(resource.physical_id, resource)
        return Made()

    def delete(self, resource: Resource) -> None:
        force = resource.properties.get("EmptyOnDelete", False)
        try:
            self.delete_repository({"repositoryName": resource.physical_id, "force": force})
        except AwsError as error:
            if error.code != "RepositoryNotFoundException":
                raise ResourceFailed(error.message) from None

    def busy(self, resource: Resource) -> str | None:
        return None

    def _set(self, name: str, resource: Resource) -> None:
        found = self.repositories[name]
        policy = resource.properties.get("RepositoryPolicyText")
        found.policy = policy if isinstance(policy, str | None) else json.dumps(policy)
        found.lifecycle = resource.properties.get("LifecyclePolicy", {}).get("LifecyclePolicyText")
        found.tags = dict(resource.tags)
        self.tagging.put(self._arn(name), resource)

    def _find(self, name: str) -> Repository:
        if name in self.repositories:
            return self.repositories[name]
        text = (
            f"The repository with name '{name}' does not exist in the registry"
            f" with id '{self.account}'"
        )
        raise AwsError("RepositoryNotFoundException", text)

    def _arn(self, name: str) -> str:
        return f"arn:aws:ecr:{self.region}:{self.account}:repository/{name}"

    def _described(self, found: Repository) -> dict[str, Any]:
        return {
            "repositoryArn": self._arn(found.name),
            "registryId": self.account,
            "repositoryName": found.name,
            "repositoryUri": f"{self.host}/{found.name}",
            "createdAt": found.created,
        }


def _is(image: dict[str, str], digest: str, tags: list[str]) -> bool:
    return image.get("imageDigest", digest) == digest and (
        "imageTag" not in image or image["imageTag"] in tags
    )


def _not_found(image: dict[str, str]) -> dict[str, Any]:
    return {
        "imageId": image,
        "failureCode": "ImageNotFound",
        "failureReason": "Requested image not found",
    }
