import Foundation
import OctavoCore
import OctavoHub
import OctavoTestSupport
import Testing

/// Octavo beside Hugging Face's own client, `huggingface_hub`, on one cache and one server.
@Suite(.enabled(if: HubPython.program != nil, Comment(rawValue: HubPython.absence)))
struct HuggingFaceHubTests {
    @Test func `what huggingface_hub fetched is found by name`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            for revision in ["main", "v1", repository.commit] {
                let folder = try await bench.python(
                    "print(snapshot_download('\(repository.name)', revision='\(revision)'))")
                #expect(folder == bench.snapshot(repository))
            }
            for name in [repository.name, "\(repository.name)@v1", "\(repository.name)@\(repository.commit)"] {
                #expect(try bench.find(name) == bench.snapshot(repository))
                let inspected = try await bench.octavo("model", "inspect", name, "--json")
                #expect(try JSONValue.parse(inspected.standardOutput)["name"] == .string(name))
            }
            #expect(try bench.find("\(repository.name)@refs/pr/2") == nil)
            // And needs nothing again.
            #expect(try await bench.pull(repository.name).fetchedBytes == 0)
        }
    }

    @Test func `what huggingface_hub fetched without links is found by name`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            var bench = bench
            bench.environment["HF_HUB_DISABLE_SYMLINKS"] = "1"
            _ = try await bench.python("print(snapshot_download('\(repository.name)'))")
            #expect(try await bench.octavo("model", "inspect", repository.name).status == 0)
        }
    }

    @Test func `huggingface_hub finds what a pull fetched, offline and without warnings`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            _ = try await bench.pull(repository.name)
            _ = try await bench.pull("\(repository.name)@refs/pr/2")
            for revision in ["main", "refs/pr/2", repository.commit] {
                let folder = try await bench.python(
                    """
                    print(snapshot_download('\(repository.name)', revision='\(revision)', local_files_only=True))
                    """)
                #expect(folder == bench.snapshot(repository))
            }
            let scan = try await bench.python(
                """
                cache = scan_cache_dir()
                [repository] = cache.repos
                [revision] = repository.revisions
                print(len(cache.warnings), repository.repo_id, revision.commit_hash, sorted(revision.refs), \
                revision.nb_files)
                """)
            #expect(
                scan
                    == "0 \(repository.name) \(repository.commit) ['main', 'refs/pr/2'] \(repository.readFiles.count)")
        }
    }

    @Test func `huggingface_hub fetches nothing again after a pull`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            _ = try await bench.pull(repository.name, include: ["*"])
            let served = bench.hub.servedBytes
            let folder = try await bench.python("print(snapshot_download('\(repository.name)'))")
            #expect(folder == bench.snapshot(repository))
            #expect(bench.hub.servedBytes == served)
        }
    }
}

/// A Python that has `huggingface_hub`: `scripts/test` makes one.
enum HubPython {
    static let program: String? = {
        let place =
            ProcessInfo.processInfo.environment["OCTAVO_HUB_PYTHON"]
            ?? TestPaths.packageRoot.appending(path: ".build/hub-venv/bin/python").path
        return FileManager.default.isExecutableFile(atPath: place) ? place : nil
    }()

    static let absence = "no Python with huggingface_hub: scripts/test makes one; or set OCTAVO_HUB_PYTHON"
}

extension HubBench {
    /// Runs a Python script in this environment and returns what it prints.
    func python(_ script: String) async throws -> String {
        let program = try #require(HubPython.program)
        let outcome = try await runProcess(
            URL(fileURLWithPath: program),
            ["-c", "from huggingface_hub import snapshot_download, scan_cache_dir\n\(script)"], environment: environment
        )
        #expect(outcome.status == 0, "\(outcome.standardError)")
        return outcome.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
