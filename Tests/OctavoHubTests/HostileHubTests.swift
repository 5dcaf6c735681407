import Foundation
import NIOCore
import NIOHTTP1
import OctavoHub
import OctavoTestSupport
import Testing

/// Servers that lie, by accident or not.
@Suite struct HostileHubTests {
    private let shard = "model-00002-of-00003.safetensors"

    @Test(arguments: ["model-00002-of-00003.safetensors", "config.json"])
    func `a file with the wrong hash is refused and removed`(name: String) async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            let file = try #require(repository.files[name])
            let path = file.isLarge ? "/storage/\(file.sha256)" : "/\(name)"
            bench.hub.fail(FakeHubFault(path: path) { $0.body[$0.body.startIndex + 5] ^= 1 })
            let outcome = try await bench.octavo("model", "pull", repository.name)
            #expect(outcome.status == 65)
            #expect(outcome.standardError.contains("\(name): the bytes received are not the file's"))
            let left = bench.files(below: bench.repositoryFolder(repository))
            #expect(!left.contains { $0.contains(file.blobName) || $0.hasSuffix("/\(name)") })
            #expect(try bench.find(repository.name) == nil)
            #expect(try await bench.octavo("model", "pull", repository.name).status == 0)
        }
    }

    @Test func `a file of another length than announced is refused`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            for difference in [-10, 10] {
                bench.hub.change { $0.files[shard]?.announcedSize += difference }
                let error = try #require(try await hubError { try await bench.pull(repository.name) })
                #expect(error.kind == .badData)
                #expect(error.description.contains("\(shard): the server sends"))
                bench.hub.change { $0.files[shard]?.announcedSize -= difference }
            }
            _ = try await bench.pull(repository.name)
        }
    }

    @Test func `a body without an announced end is cut off at the announced size`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            let file = try #require(repository.files[shard])
            bench.hub.fail(
                FakeHubFault(path: "/storage/\(file.sha256)") {
                    $0.headers.add(name: "Transfer-Encoding", value: "chunked")
                    $0.body += Data(repeating: 0, count: 1 << 20)
                })
            let error = try #require(try await hubError { try await bench.pull(repository.name) })
            #expect(error.kind == .badData)
            #expect(error.description.contains("\(shard): the server sends more bytes"))
            let partial = bench.repositoryFolder(repository) + "/blobs/\(file.sha256).incomplete"
            let size = try FileManager.default.attributesOfItem(atPath: partial)[.size] as? Int
            #expect(try #require(size) <= file.bytes.count)
        }
    }

    @Test(
        arguments: [
            "../../../evil.json", "/etc/evil.json", "a/../../evil.json", "evil\\..\\x.json", "evil\0.json",
            "a//evil.json",
            "./evil.json", "evil\n.json", "", String(repeating: "e", count: 300) + ".json",
        ])
    func `a name that leads elsewhere is refused before anything is written`(name: String) async throws {
        var repository = try FakeRepository.tinyLlama()
        repository.files[name] = FakeFile(Data("evil".utf8))
        try await HubBench.with(repository) { bench in
            let error = try #require(
                try await hubError { try await bench.pull(repository.name, include: ["*"]) })
            #expect(error.kind == .badData)
            #expect(bench.files(below: bench.directory.path).isEmpty)
        }
    }

    @Test(
        arguments: [
            ("ETag", "\"../../evil\""), ("ETag", ""), ("ETag", "abc"), ("ETag", String(repeating: "g", count: 40)),
            ("X-Linked-Size", "-1"), ("X-Linked-Size", "9223372036854775807"),
            ("X-Linked-Size", "99999999999999999999"),
            ("X-Repo-Commit", String(repeating: "e", count: 40)),
        ])
    func `senseless metadata is refused`(header: String, value: String) async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            bench.hub.fail(
                FakeHubFault(method: .HEAD, path: "/config.json") {
                    $0.headers.replaceOrAdd(name: header, value: value)
                })
            let error = try await hubError { try await bench.pull(repository.name) }
            #expect(error?.kind == .badData)
            #expect(!FileManager.default.fileExists(atPath: bench.directory.path + "/evil"))
        }
    }

    @Test(arguments: ["[]", "{}", "<html>", #"{"sha": "main", "siblings": []}"#, #"{"sha": 1, "siblings": [1]}"#])
    func `a listing that is none is refused`(body: String) async throws {
        try await HubBench.with(try FakeRepository.tinyLlama()) { bench in
            bench.hub.fail(FakeHubFault(path: "/api/models/") { $0.body = Data(body.utf8) })
            let error = try await hubError { try await bench.pull("octavo-tests/tiny-llama") }
            #expect(error?.kind == .badData)
        }
    }

    @Test(arguments: ["file:///etc/passwd", "http://", "", "gopher://127.0.0.1/"])
    func `a redirect to what is not HTTP is not followed`(location: String) async throws {
        try await HubBench.with(try FakeRepository.tinyLlama()) { bench in
            bench.hub.fail(.refuse("/api/models/", .found, ["Location": location]))
            let error = try await hubError { try await bench.pull("octavo-tests/tiny-llama") }
            #expect(error?.kind == .unavailable)
        }
    }

    @Test func `a redirect in circles ends`() async throws {
        try await HubBench.with(try FakeRepository.tinyLlama()) { bench in
            let circle = "\(bench.hub.endpoint)/api/models/octavo-tests/tiny-llama/revision/main"
            for _ in 0..<20 { bench.hub.fail(.refuse("/api/models/", .found, ["Location": circle])) }
            let error = try await hubError { try await bench.pull("octavo-tests/tiny-llama") }
            #expect(error?.reason == "the hub redirects in circles")
        }
    }
}
