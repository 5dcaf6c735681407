import Foundation
import OctavoHub
import OctavoTestSupport

/// A hub and an empty cache, for library and program.
struct HubBench: Sendable {
    let hub: FakeHub
    /// Holds the test's files; gone after it.
    let directory: URL
    /// The environment of every process: nothing of ours leaks into it.
    var environment: [String: String]

    static func with<T>(_ repository: FakeRepository, _ body: (HubBench) async throws -> T) async throws -> T {
        try await FakeHub.with(repository) { hub in
            try await TemporaryDirectory.with { directory in
                let environment = [
                    "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                    "HOME": directory.path, "HF_HOME": directory.appending(path: "huggingface").path,
                    "HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_TELEMETRY": "1",
                ]
                return try await body(HubBench(hub: hub, directory: directory, environment: environment))
            }
        }
    }

    /// The folder of the cache.
    var cache: String { "\(directory.path)/huggingface/hub" }
    /// The folder of the repository in it.
    func repositoryFolder(_ repository: FakeRepository) -> String {
        "\(cache)/models--\(repository.name.replacing("/", with: "--"))"
    }
    /// The folder of its commit.
    func snapshot(_ repository: FakeRepository) -> String {
        "\(repositoryFolder(repository))/snapshots/\(repository.commit)"
    }

    /// Pulls by the library, without pauses between tries.
    func pull(
        _ name: String, include: [String] = [], exclude: [String] = [],
        onEvent: @escaping @Sendable (PullEvent) -> Void = { _ in }
    ) async throws -> ModelPull.Outcome {
        guard let name = HubName(name) else { throw HubError(.notFound, name, "is no name") }
        var configuration = HubConfiguration(environment: environment, home: directory.path)
        configuration.retry.firstPause = .zero
        return try await ModelPull(
            name, selection: FileSelection(include: include, exclude: exclude), configuration: configuration
        ).run(onEvent: onEvent)
    }

    /// Finds a model in the cache.
    func find(_ name: String) throws -> String? {
        guard let name = HubName(name) else { throw HubError(.notFound, name, "is no name") }
        return try HubCache(directory: cache).model(name)
    }

    /// Runs `octavo` to its end.
    func octavo(_ arguments: String..., input: String = "") async throws -> ProcessOutcome {
        try await runProcess(
            TestPaths.octavoExecutable, arguments, environment: environment, standardInput: input)
    }

    /// The names of all files below a folder of the cache.
    func files(below folder: String) -> [String] {
        (FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []).filter {
            var isFolder: ObjCBool = false
            return
                !(FileManager.default.fileExists(atPath: "\(folder)/\($0)", isDirectory: &isFolder)
                && isFolder.boolValue)
        }.sorted()
    }
}

/// The error that `body` throws; nil if it throws none.
func hubError(_ body: () async throws -> some Any) async throws -> HubError? {
    do {
        _ = try await body()
        return nil
    } catch let error as HubError {
        return error
    }
}
