import Foundation
import OctavoHub
import OctavoTestSupport
import Synchronization
import Testing

/// Downloads from a hub that works.
@Suite struct PullTests {
    @Test func `a pull fetches what Octavo reads, as blobs, links and a reference`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            let outcome = try await bench.pull(repository.name)
            #expect(outcome.commit == repository.commit)
            #expect(outcome.path == bench.snapshot(repository))
            #expect(outcome.files.map(\.name) == repository.readFiles)
            #expect(bench.files(below: outcome.path) == repository.readFiles)
            for name in repository.readFiles {
                let file = try #require(repository.files[name])
                let link = try FileManager.default.destinationOfSymbolicLink(atPath: "\(outcome.path)/\(name)")
                #expect(link == "../../blobs/\(file.blobName)")
                #expect(FileManager.default.contents(atPath: "\(outcome.path)/\(name)") == file.bytes)
            }
            let reference = try String(
                contentsOfFile: bench.repositoryFolder(repository) + "/refs/main", encoding: .utf8)
            #expect(reference == repository.commit)
            #expect(try bench.find(repository.name) == outcome.path)
        }
    }

    @Test func `a second pull fetches no file again`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            let first = try await bench.pull(repository.name)
            let served = bench.hub.servedBytes
            let second = try await bench.pull(repository.name)
            #expect(first.fetchedBytes == served)
            #expect(second.fetchedBytes == 0)
            #expect(second.files == first.files)
            #expect(bench.hub.servedBytes == served)
        }
    }

    @Test func `progress ends with all files and bytes`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            let last = Mutex(PullProgress())
            let outcome = try await bench.pull(repository.name) { event in
                guard case .progress(let progress) = event else { return }
                last.withLock { if progress.bytes >= $0.bytes, progress.files >= $0.files { $0 = progress } }
            }
            let progress = last.withLock { $0 }
            #expect(progress.files == outcome.files.count)
            #expect(progress.totalFiles == outcome.files.count)
            #expect(progress.bytes == progress.totalBytes)
            #expect(progress.fetchedBytes == outcome.fetchedBytes)
        }
    }

    @Test(arguments: ["v1", "refs/pr/2", "0123456789abcdef0123456789abcdef01234567"])
    func `a revision is pulled and found under its own name only`(revision: String) async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            let outcome = try await bench.pull("\(repository.name)@\(revision)")
            #expect(try bench.find("\(repository.name)@\(revision)") == outcome.path)
            #expect(try bench.find("\(repository.name)@01234567") == outcome.path)
            #expect(try bench.find(repository.name) == nil)
            let references = bench.files(below: bench.repositoryFolder(repository) + "/refs")
            #expect(references == (revision == repository.commit ? [] : [revision]))
        }
    }

    @Test func `a new commit shares the blobs that did not change`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            let first = try await bench.pull(repository.name)
            let served = bench.hub.servedBytes
            let commit = String(repeating: "f", count: 40)
            let changed = FakeFile(Data("{}\n".utf8))
            bench.hub.change {
                $0.commit = commit
                $0.files["generation_config.json"] = changed
            }
            let second = try await bench.pull(repository.name)
            #expect(second.commit == commit)
            #expect(bench.hub.servedBytes - served == changed.bytes.count)
            #expect(try bench.find(repository.name) == second.path)
            #expect(try bench.find("\(repository.name)@\(first.commit)") == first.path)
        }
    }

    @Test func `patterns choose other files`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            let some = try await bench.pull(repository.name, include: ["*.md", "original/"])
            #expect(some.files.map(\.name) == ["README.md", "original/consolidated.00.pth"])
            let without = try await bench.pull(repository.name, exclude: ["*.safetensors", "model*"])
            #expect(without.files.map(\.name) == repository.readFiles.filter { !$0.hasPrefix("model") })
            let error = try await hubError { try await bench.pull(repository.name, include: ["*.onnx"]) }
            #expect(error?.kind == .notFound)
        }
    }

    @Test func `one GGUF is fetched by itself, and of several the one that is named`() async throws {
        let one = try FakeRepository.gguf(["model.Q8_0.gguf"])
        try await HubBench.with(one) { bench in
            let outcome = try await bench.pull(one.name)
            #expect(try bench.find(one.name) == "\(outcome.path)/model.Q8_0.gguf")
        }
        let several = try FakeRepository.gguf([
            "a.Q4_K.gguf", "b.Q8_0.gguf", "big/c-00001-of-00002.gguf", "big/c-00002-of-00002.gguf",
        ])
        try await HubBench.with(several) { bench in
            let refused = try #require(try await hubError { try await bench.pull(several.name) })
            #expect(refused.kind == .notFound)
            #expect(refused.reason.contains("3 GGUF files: a.Q4_K.gguf, b.Q8_0.gguf, big/c-00001-of-00002.gguf"))
            let named = try await bench.pull("\(several.name)/b.Q8_0.gguf@v1")
            #expect(named.files.map(\.name) == ["b.Q8_0.gguf"])
            let split = try await bench.pull("\(several.name)/big/c-00001-of-00002.gguf@v1")
            #expect(split.files.count == 2)
            #expect(try bench.find("\(several.name)/b.Q8_0.gguf@v1") == "\(named.path)/b.Q8_0.gguf")
            let ambiguous = try await hubError { try bench.find("\(several.name)@v1") }
            #expect(ambiguous?.remedy.contains("\(several.name)/b.Q8_0.gguf@v1") == true)
        }
    }

    @Test func `two pulls at once fetch every file once`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            async let first = bench.octavo("model", "pull", repository.name)
            async let second = bench.octavo("model", "pull", repository.name)
            for outcome in try await [first, second] {
                #expect(outcome.status == 0, "\(outcome.standardError)")
                #expect(outcome.standardOutput == bench.snapshot(repository) + "\n")
            }
            let wanted = repository.readFiles.reduce(0) { $0 + (repository.files[$1]?.bytes.count ?? 0) }
            #expect(bench.hub.servedBytes == wanted)
            #expect(bench.files(below: bench.repositoryFolder(repository) + "/blobs").allSatisfy { !$0.contains(".") })
        }
    }
}
