import Foundation
import NIOCore
import NIOHTTP1
import OctavoHub
import OctavoTestSupport
import Synchronization
import Testing

/// Downloads that break off, and go on.
@Suite struct InterruptedPullTests {
    private let shard = "model-00002-of-00003.safetensors"

    @Test func `a cut connection costs no byte twice`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            let file = try #require(repository.files[shard])
            bench.hub.fail(.cut("/storage/\(file.sha256)", after: 20_000))
            bench.hub.fail(.cut("/storage/\(file.sha256)", after: 7))
            bench.hub.fail(.cut("/tokenizer.json", after: 1000))
            let pauses = Mutex(0)
            let outcome = try await bench.pull(repository.name) { event in
                if case .pause = event { pauses.withLock { $0 += 1 } }
            }
            #expect(pauses.withLock { $0 } == 3)
            #expect(outcome.fetchedBytes == outcome.files.reduce(0) { $0 + $1.size })
            #expect(bench.hub.servedBytes == outcome.fetchedBytes)
            let ranges = bench.hub.exchanges.filter { $0.uri.contains(file.sha256) }.map(\.range)
            #expect(ranges == [nil, "bytes=20000-", "bytes=20007-"])
            #expect(FileManager.default.contents(atPath: "\(outcome.path)/\(shard)") == file.bytes)
        }
    }

    @Test func `a server without ranges is asked for the whole file again`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            let file = try #require(repository.files[shard])
            bench.hub.fail(.cut("/storage/\(file.sha256)", after: 20_000))
            bench.hub.fail(
                FakeHubFault(path: "/storage/\(file.sha256)") {
                    $0 = FakeHubAnswer(.ok, body: file.bytes)
                    $0.isFile = true
                })
            let outcome = try await bench.pull(repository.name)
            #expect(FileManager.default.contents(atPath: "\(outcome.path)/\(shard)") == file.bytes)
            #expect(outcome.fetchedBytes == outcome.files.reduce(20_000) { $0 + $1.size })
        }
    }

    @Test func `a killed pull goes on where it was`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            let file = try #require(repository.files[shard])
            bench.hub.fail(.hold("/storage/\(file.sha256)", after: 30_000))
            let partial = bench.repositoryFolder(repository) + "/blobs/\(file.sha256).incomplete"
            let process = try RunningProcess(
                TestPaths.octavoExecutable, ["model", "pull", repository.name], environment: bench.environment)
            let others = repository.readFiles.count - 1
            try #require(
                await eventually {
                    size(of: partial) == 30_000 && bench.files(below: bench.snapshot(repository)).count == others
                }, "\(process.standardError)")
            process.signal(SIGKILL)
            #expect(await process.wait(timeout: .seconds(60)) == 137)
            #expect(try bench.find(repository.name) == nil)

            let served = bench.hub.servedBytes
            let again = try await bench.octavo("model", "pull", repository.name)
            #expect(again.status == 0, "\(again.standardError)")
            #expect(bench.hub.servedBytes - served == file.bytes.count - 30_000)
            #expect(FileManager.default.contents(atPath: "\(bench.snapshot(repository))/\(shard)") == file.bytes)
            #expect(!FileManager.default.fileExists(atPath: partial))
        }
    }

    @Test func `an interrupted pull keeps what it has and ends with status 130`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            let file = try #require(repository.files[shard])
            bench.hub.fail(.hold("/storage/\(file.sha256)", after: 30_000))
            let partial = bench.repositoryFolder(repository) + "/blobs/\(file.sha256).incomplete"
            let process = try RunningProcess(
                TestPaths.octavoExecutable, ["model", "pull", repository.name], environment: bench.environment)
            try #require(await eventually { size(of: partial) == 30_000 }, "\(process.standardError)")
            process.signal(SIGINT)
            #expect(await process.wait(timeout: .seconds(60)) == 130)
            #expect(size(of: partial) == 30_000)
        }
    }

    @Test func `a busy server is left alone as long as it asks`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            bench.hub.fail(.refuse("/api/models/", .tooManyRequests, ["Retry-After": "0"]))
            bench.hub.fail(.refuse("/config.json", method: .HEAD, .serviceUnavailable))
            bench.hub.fail(.refuse("/config.json", .badGateway))
            let reasons = Mutex<[String]>([])
            let outcome = try await bench.pull(repository.name) { event in
                if case .pause(let reason, let pause) = event { reasons.withLock { $0.append("\(reason), \(pause)") } }
            }
            #expect(outcome.files.map(\.name) == repository.readFiles)
            #expect(
                reasons.withLock { $0 }.map { $0.prefix(21) } == [
                    "the hub answers 429 (", "the hub answers 503 (", "the hub answers 502 (",
                ])
            bench.hub.fail(.refuse("/api/models/", .tooManyRequests, ["Retry-After": "86400"]))
            let error = try #require(try await hubError { try await bench.pull(repository.name) })
            #expect(error.kind == .unavailable)
            #expect(error.reason.contains("86400 s"))
        }
    }

    @Test func `a server that keeps failing is given up`() async throws {
        let repository = try FakeRepository.tinyLlama()
        try await HubBench.with(repository) { bench in
            for _ in 0..<6 { bench.hub.fail(.refuse("/config.json", method: .HEAD, .internalServerError)) }
            let error = try #require(try await hubError { try await bench.pull(repository.name) })
            #expect(error.kind == .unavailable)
            #expect(error.description.contains("config.json: the hub answers 500"))
        }
    }

    private func size(of path: String) -> Int? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int
    }
}
