import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

extension CommandLineTests {
    /// Batches and workers that name a model as the hub does.
    @Suite struct HubNameTests {
        private static let name = "octavo-tests/tiny"

        /// A Hugging Face cache that holds the tiny model; returns its folder.
        private static func makeCache(_ bench: Workbench) throws -> String {
            let cache = bench.path("hub")
            let commit = String(repeating: "c", count: 40)
            let folder = "\(cache)/models--octavo-tests--tiny"
            let files = FileManager.default
            try files.createDirectory(atPath: "\(folder)/refs", withIntermediateDirectories: true)
            try files.createDirectory(atPath: "\(folder)/snapshots", withIntermediateDirectories: true)
            try Data(commit.utf8).write(to: URL(fileURLWithPath: "\(folder)/refs/main"))
            try files.copyItem(atPath: TestModels.tiny, toPath: "\(folder)/snapshots/\(commit)")
            return cache
        }

        private static let prompts = """
            {"id": "1", "prompt": "abc", "model": "\(name)", "max_tokens": 3, "temperature": 0}
            {"id": "2", "prompt": "def", "max_tokens": 3, "temperature": 0}
            """

        @Test func `a worker serves the batches that ask for its model's name in the hub`() async throws {
            try await Workbench.with { bench in
                var bench = bench
                let input = try bench.write("in.jsonl", Self.prompts)
                // Where the model is not, its name is enough.
                let enqueue = try await bench.octavo("enqueue", input, "--model", Self.name, "--json")
                #expect(enqueue.status == 0, "\(enqueue.standardError)")
                #expect(try JSONValue.parse(enqueue.standardOutput)["prompt_tokens_exact"] == false)

                bench.environment["HF_HUB_CACHE"] = try Self.makeCache(bench)
                let worker = try await bench.octavo("worker", "--model", Self.name, "--drain", "--kv-memory", "64MiB")
                #expect(worker.status == 0, "\(worker.standardError)")
                #expect(worker.standardError.contains("serving \(Self.name) ("))
                let export = try await bench.octavo("export", "in.jsonl", "-o", bench.path("out.jsonl"))
                #expect(export.status == 0, "\(export.standardError)")
                let models = try bench.jsonLines("out.jsonl").map { $0["response"]?["body"]?["model"] }
                #expect(models == [.string(Self.name), .string(Self.name)])
            }
        }

        @Test func `run finds a pinned revision and takes lines that name the repository`() async throws {
            try await Workbench.with { bench in
                var bench = bench
                bench.environment["HF_HUB_CACHE"] = try Self.makeCache(bench)
                let input = try bench.write("in.jsonl", Self.prompts)
                let run = try await bench.octavo(
                    "run", input, "--model", "\(Self.name)@ccccccc", "-o", bench.path("out.jsonl"))
                #expect(run.status == 0, "\(run.standardError)")
                let models = try bench.jsonLines("out.jsonl").map { $0["response"]?["body"]?["model"] }
                #expect(models == Array(repeating: .string("\(Self.name)@ccccccc"), count: 2))
            }
        }
    }
}
