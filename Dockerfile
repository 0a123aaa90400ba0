# One image for both targets. Its own command serves on Fargate; template.yaml starts the Lambda
# runtime client instead (ImageConfig). It builds with the classic builder, which `sam build` uses,
# and with BuildKit: so no `RUN --mount`, no here-document, no `COPY --chmod`.

# The one place that names the Python version. For a build that never changes underneath, add a
# digest: python:3.13-slim@sha256:...
ARG PYTHON_IMAGE=python:3.13-slim


FROM ${PYTHON_IMAGE} AS dependencies
COPY requirements.txt strip.py ./
# Into a directory of their own, next to which the code is laid: no virtual environment to activate.
# Only what the lock names by hash, and only wheels: nothing is compiled, so no compiler is needed.
RUN python -m pip install --no-cache-dir --no-compile --disable-pip-version-check \
      --root-user-action ignore --require-hashes --only-binary :all: \
      --target /app --requirement requirements.txt
# botocore describes some 400 services of AWS in 28 MB. Name those that the app has a client of.
ARG AWS_SERVICES="dynamodb|secretsmanager"
RUN find /app/botocore/data -mindepth 1 -maxdepth 1 -type d -regextype posix-extended \
      ! -regex ".*/(${AWS_SERVICES})" -exec rm -r {} +
# Wheels bring debugging information: 14 of 28 MB.
RUN python strip.py /app
# Bytecode that is trusted as it is: nothing to compare at a cold start, and no file time that an
# image store may change can make it stale.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /app


FROM ${PYTHON_IMAGE} AS code
COPY src /app
# Lambda runs the image under a user of its own: whatever the modes in the checkout, all may read.
RUN chmod -R u=rwX,go=rX /app \
 && python -m compileall -q --invalidation-mode unchecked-hash /app


FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 app \
 && useradd --uid 10001 --gid app --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin app
# `python -m` finds dependencies and code in the working directory.
WORKDIR /app
# Rarely changes, so a deployment reuses this layer; owned by root, so the app cannot alter it.
COPY --from=dependencies /app /app
# The one place to write with a read-only root, as on Lambda: an upload over 1 MB is a file there. A
# volume of a task belongs to root, unless the image names it: then it has the rights of the folder.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
VOLUME /tmp
# Log lines leave at once, also those that the app prints.
ENV PYTHONUNBUFFERED=1
# The C library keeps what a response of up to 1 MB needs instead of giving it back to the kernel
# after each, which takes longer than all the rest of such a response.
ENV MALLOC_MMAP_THRESHOLD_=16777216 MALLOC_TRIM_THRESHOLD_=16777216
EXPOSE 8080
# A number, so that a platform can see that it is not root without reading /etc/passwd.
USER 10001:10001
# `sam local` builds an image on top of this one and adds the Lambda emulator as the image's user,
# which only root may do. Images that are not built on top of this one are not affected.
ONBUILD USER root
# No shell in between: the server itself gets SIGTERM.
CMD ["/usr/local/bin/python", "-m", "portable_runtime.server"]
# The only layer that a code change makes anew.
COPY --from=code /app /app
