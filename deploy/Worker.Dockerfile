# The image of a worker. Built from the repository's root:
#   docker build -f deploy/Worker.Dockerfile -t disttrain-worker .
ARG SDK=10.0.100-noble
ARG RUNTIME=10.0.0-noble

FROM mcr.microsoft.com/dotnet/sdk:${SDK} AS build
WORKDIR /source
# Packages first: they change seldom, so their layer is kept.
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig ./
COPY Shared/Shared.csproj Shared/packages.lock.json Shared/
COPY Worker/Worker.csproj Worker/packages.lock.json Worker/
RUN dotnet restore Worker --locked-mode
COPY Shared/ Shared/
COPY Worker/ Worker/
RUN dotnet publish Worker -c Release --no-restore -o /app \
    && mkdir /data

FROM mcr.microsoft.com/dotnet/aspnet:${RUNTIME}
COPY --from=build /app /app
COPY --from=build --chown=1654:1654 /data /data
# The unprivileged user of Microsoft's images.
USER 1654
WORKDIR /data
ENTRYPOINT ["dotnet", "/app/DistTrain.Worker.dll"]
CMD ["join"]
