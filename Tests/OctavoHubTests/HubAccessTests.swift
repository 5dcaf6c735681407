import Foundation
import NIOCore
import NIOHTTP1
import OctavoHub
import OctavoTestSupport
import Testing

/// Who may read what, and what is said to those who may not.
@Suite struct HubAccessTests {
    @Test func `the token goes to the endpoint and to no other host`() async throws {
        var repository = try FakeRepository.tinyLlama()
        repository.isGated = true
        try await HubBench.with(repository) { bench in
            var bench = bench
            bench.environment["HF_TOKEN"] = "\(FakeHub.token)\n"
            _ = try await bench.pull(repository.name)
            let (storage, endpoint) = bench.hub.exchanges.reduce(into: ([FakeHubExchange](), [FakeHubExchange]())) {
                if $1.host.hasPrefix("localhost") { $0.0.append($1) } else { $0.1.append($1) }
            }
            #expect(storage.count == 3)
            #expect(storage.allSatisfy { $0.authorization == nil })
            #expect(endpoint.allSatisfy { $0.authorization == "Bearer \(FakeHub.token)" })
        }
    }

    @Test(arguments: ["HF_TOKEN_PATH", "HF_HOME"])
    func `the token may be in the file that a login wrote`(variable: String) async throws {
        var repository = try FakeRepository.tinyLlama()
        repository.isGated = true
        try await HubBench.with(repository) { bench in
            var bench = bench
            let home = bench.directory.appending(path: "huggingface")
            let file = variable == "HF_HOME" ? home.appending(path: "token") : bench.directory.appending(path: "secret")
            try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
            try Data("  \(FakeHub.token)\n".utf8).write(to: file)
            if variable == "HF_TOKEN_PATH" { bench.environment[variable] = "~/secret" }
            _ = try await bench.pull(repository.name)
        }
    }

    @Test func `a gated model names its terms, and no message holds the token`() async throws {
        var repository = try FakeRepository.tinyLlama()
        repository.isGated = true
        try await HubBench.with(repository) { bench in
            var bench = bench
            let page = "\(bench.hub.endpoint)/\(repository.name)"
            let anonymous = try await bench.octavo("model", "pull", repository.name)
            #expect(anonymous.status == 69)
            #expect(anonymous.standardError.contains("Accept them at \(page), and set HF_TOKEN"))
            bench.environment["HF_TOKEN"] = "hf_anotherAccount"
            let other = try await bench.octavo("model", "pull", repository.name)
            #expect(other.status == 69)
            #expect(other.standardError.contains("Accept them at \(page) with the account of the token in use"))
            #expect(!other.standardError.contains("hf_anotherAccount"))
        }
    }

    @Test(
        arguments: [
            ("octavo-tests/tiny-lama", "has no such model, or it is private. Check the spelling"),
            ("octavo-tests/tiny-llama@v2", "the repository has no revision v2. Check the spelling"),
            ("octavo-tests/tiny-llama/no.gguf", "the repository has no no.gguf. It holds no GGUF files."),
        ])
    func `what the hub does not have is status 66 and a sentence`(name: String, sentence: String) async throws {
        try await HubBench.with(try FakeRepository.tinyLlama()) { bench in
            let outcome = try await bench.octavo("model", "pull", name)
            #expect(outcome.status == 66)
            #expect(outcome.standardOutput.isEmpty)
            #expect(outcome.standardError.contains("octavo: \(name): "))
            #expect(outcome.standardError.contains(sentence), "\(outcome.standardError)")
        }
    }

    @Test func `a file that goes away between listing and fetching is named`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            bench.hub.fail(.refuse("/tokenizer.json", .notFound, ["X-Error-Code": "EntryNotFound"]))
            let error = try #require(try await hubError { try await bench.pull(repository.name) })
            #expect(error.kind == .notFound)
            #expect(error.reason.contains("no file tokenizer.json"))
        }
    }

    @Test func `offline, nothing is requested`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            var bench = bench
            bench.environment["HF_HUB_OFFLINE"] = "1"
            let outcome = try await bench.octavo("model", "pull", repository.name)
            #expect(outcome.status == 69)
            #expect(outcome.standardError.contains("HF_HUB_OFFLINE is set"))
            #expect(bench.hub.exchanges.isEmpty)
        }
    }

    @Test func `a cache that cannot be written is status 73`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            var bench = bench
            try Data().write(to: bench.directory.appending(path: "file"))
            bench.environment["HF_HUB_CACHE"] = bench.directory.path + "/file/hub"
            let outcome = try await bench.octavo("model", "pull", repository.name)
            #expect(outcome.status == 73, "\(outcome.standardError)")
            #expect(outcome.standardError.contains("HF_HUB_CACHE"))
        }
    }

    @Test(arguments: ["", "a/b/c", "/abs", "../x", "a b", "org/name@", "org/name@../x", "-o/x", "org/na--me"])
    func `what is no name is a usage error`(name: String) async throws {
        try await HubBench.with(try FakeRepository.tinyLlama()) { bench in
            let outcome = try await bench.octavo("model", "pull", "--", name)
            #expect(outcome.status == 64)
            #expect(bench.hub.exchanges.isEmpty)
        }
    }
}
