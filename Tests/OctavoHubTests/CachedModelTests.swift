import Foundation
import OctavoCore
import OctavoHub
import OctavoTestSupport
import Testing

/// Models in the cache, by name.
@Suite struct CachedModelTests {
    private let name = "octavo-tests/tiny-llama"

    /// A bench whose cache holds the tiny Llama.
    private func withModel(_ body: (HubBench, FakeRepository) async throws -> Void) async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            _ = try await bench.pull(repository.name)
            try await body(bench, repository)
        }
    }

    @Test func `a name works wherever a model does, and is what the model is called`() async throws {
        try await withModel { bench, repository in
            let inspected = try await bench.octavo("model", "inspect", name, "--json")
            #expect(try JSONValue.parse(inspected.standardOutput)["name"] == .string(name))
            let ids = try await bench.octavo("model", "tokenize", name, input: #"{"text": "a"}"#)
            #expect(ids.standardOutput.hasPrefix(#"{"ids":["#))
            let pinned = "\(name)@\(repository.commit.prefix(8))"
            let request = #"{"prompt": "a", "max_tokens": 1, "temperature": 0}"#
            let answer = try await bench.octavo("model", "generate", pinned, "--kv-memory", "64MiB", input: request)
            #expect(try JSONValue.parse(answer.standardOutput)["model"] == .string(pinned), "\(answer.standardError)")
        }
    }

    @Test func `the environment says where the cache is`() async throws {
        try await withModel { bench, _ in
            var bench = bench
            for (variable, folder) in [
                ("HF_HUB_CACHE", "elsewhere"), ("HF_HOME", "elsewhere/hub"),
                ("XDG_CACHE_HOME", "elsewhere/huggingface/hub"),
                ("HOME", "elsewhere/.cache/huggingface/hub"),
            ] {
                let place = bench.directory.appending(path: "\(variable)/\(folder)")
                try FileManager.default.createDirectory(
                    at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
                try FileManager.default.createSymbolicLink(atPath: place.path, withDestinationPath: bench.cache)
                bench.environment["HF_HOME"] = nil
                bench.environment[variable] = bench.directory.appending(path: "\(variable)/elsewhere").path
                let outcome = try await bench.octavo("model", "inspect", name)
                #expect(outcome.status == 0, "\(variable): \(outcome.standardError)")
                bench.environment[variable] = variable == "HOME" ? bench.directory.path : nil
            }
        }
    }

    @Test func `a path wins over a name`() async throws {
        try await withModel { bench, _ in
            let tiny = TestPaths.fixtures.appending(path: "Models/tiny-untied").path
            let folder = bench.directory.appending(path: "octavo-tests")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: "\(tiny)/hf", toPath: folder.path + "/tiny-llama")
            let program = URL(fileURLWithPath: "/bin/sh")
            let command =
                "cd '\(bench.directory.path)' && '\(TestPaths.octavoExecutable.path)' model inspect \(name) --json"
            let outcome = try await runProcess(program, ["-c", command], environment: bench.environment)
            #expect(try JSONValue.parse(outcome.standardOutput)["name"] == "tiny-llama", "\(outcome.standardError)")
        }
    }

    @Test func `plain files in a snapshot do as well as links`() async throws {
        try await withModel { bench, repository in
            let snapshot = bench.snapshot(repository)
            for file in repository.readFiles {
                try FileManager.default.removeItem(atPath: "\(snapshot)/\(file)")
                try #require(repository.files[file]).bytes.write(to: URL(fileURLWithPath: "\(snapshot)/\(file)"))
            }
            try FileManager.default.removeItem(atPath: bench.repositoryFolder(repository) + "/blobs")
            #expect(try await bench.octavo("model", "inspect", name).status == 0)
            #expect(try await bench.pull(name).fetchedBytes == 0)
        }
    }

    @Test(arguments: ["run", "worker", "inspect"])
    func `a name that is nowhere is status 66 and says how to fetch it`(command: String) async throws {
        try await HubBench.with(try FakeRepository.tinyLlama()) { bench in
            let prompts = bench.directory.appending(path: "in.jsonl")
            try Data(#"{"prompt": "a"}"#.utf8).write(to: prompts)
            let arguments =
                switch command {
                case "run": ["run", prompts.path, "--model", name]
                case "worker": ["worker", "--model", name]
                default: ["model", "inspect", name]
                }
            let outcome = try await runProcess(
                TestPaths.octavoExecutable, arguments, environment: bench.environment)
            #expect(outcome.status == 66)
            #expect(outcome.standardError.contains("octavo model pull \(name)"))
        }
    }

    @Test(arguments: [true, false])
    func `a missing shard is named, with the remedy`(leavesLink: Bool) async throws {
        try await withModel { bench, repository in
            let shard = "model-00003-of-00003.safetensors"
            let hash = try #require(repository.files[shard]).blobName
            try FileManager.default.removeItem(atPath: "\(bench.repositoryFolder(repository))/blobs/\(hash)")
            if !leavesLink { try FileManager.default.removeItem(atPath: "\(bench.snapshot(repository))/\(shard)") }
            let outcome = try await bench.octavo("model", "inspect", name)
            #expect(outcome.status == 66)
            #expect(outcome.standardError.contains("\(name): \(shard) is missing"))
            #expect(outcome.standardError.contains("octavo model pull \(name)"))
            #expect(try await bench.octavo("model", "pull", name).status == 0)
            #expect(try await bench.octavo("model", "inspect", name).status == 0)
        }
    }

    @Test(
        arguments: [
            ("org/name", "org/name", nil, nil), ("name", "name", nil, nil), ("org/name@v1", "org/name", nil, "v1"),
            ("org/name@refs/pr/1", "org/name", nil, "refs/pr/1"), ("o/n/f.gguf", "o/n", "f.gguf", nil),
            ("o/n/d/f.gguf@v1", "o/n", "d/f.gguf", "v1"),
        ] as [(String, String, String?, String?)])
    func `names are read`(text: String, repository: String, file: String?, revision: String?) throws {
        let name = try #require(HubName(text))
        #expect(name.repository == repository)
        #expect(name.file == file)
        #expect(name.revision == revision)
        #expect(name.description == text)
    }

    @Test(
        arguments: [
            "", "/", "a/", "/a", "a//b", "a/b/c", "models/x.gguf", "x.gguf", "./a", "../a", "a/..", "a b/c", "a/b@",
            "a/b@../../x", "a/b@/x", "a/b@x\\y", "a/b\0", "a/n/../f.gguf", "-a/b", "a/b.", "a--b/c", "~/a",
        ])
    func `what is no name is none`(text: String) { #expect(HubName(text) == nil) }
}
