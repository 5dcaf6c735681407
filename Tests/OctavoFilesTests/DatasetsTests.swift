import Foundation
import OctavoCore
import OctavoFiles
import OctavoTestSupport
import Testing

/// What Hugging Face's `datasets` makes of the files.
@Suite(.enabled(if: DatasetsPython.program != nil, Comment(rawValue: DatasetsPython.absence)))
struct DatasetsTests {
    @Test func `datasets loads every format, compressed or not, with the values that were written`() async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await answeredBatch(Self.lines("Sí 🦙"), in: queue, files, seed: 1)
            let other = try await answeredBatch(Self.lines("no"), in: queue, files, seed: 2)
            var paths: [String] = []
            for format in ExportOptions.Format.allCases where ![.recipe, .distill].contains(format) {
                for suffix in ["", ".gz", ".zst"] {
                    var options = ExportOptions(batch: batch, output: files.path("\(format.rawValue).jsonl\(suffix)"))
                    options.format = format
                    options.includesPrompt = true
                    options.rejected = format == .preference ? other : nil
                    _ = try await Exporter(options, queue: queue).run()
                    paths += [options.output].compactMap(\.self)
                }
            }
            let loaded = try await load(paths, cache: files.path("cache"))
            #expect(loaded.count == paths.count)
            for (path, rows) in zip(paths, loaded) {
                let plain = paths.last { path.hasPrefix($0) && $0.hasSuffix(".jsonl") } ?? path
                let written = try files.text(plain).split(separator: "\n").map { try JSONValue.parse(String($0)) }
                #expect(written.count >= 2, "\(path)")
                #expect(rows.map(\.withoutNulls) == written.map(\.withoutNulls), "\(path)")
            }
        }
    }

    /// Chats, one of them with tools, of two samples and of one.
    private static func lines(_ answer: String) -> [AnsweredLine] {
        let tools = #"[{"type":"function","function":{"name":"sky"}}]"#
        return [
            .chat("a", "¿Qué?", answer, "\(answer)!"),
            AnsweredLine(
                #"{"id":"b","messages":[{"role":"system","content":"s"},{"role":"user","content":"q"}],"#
                    + #""tools":\#(tools)}"#,
                AnsweredLine.message(#"{"role":"assistant","content":"\#(answer)","refusal":null}"#)),
        ]
    }

    /// The rows of each file as `datasets` loads it.
    private func load(_ paths: [String], cache: String) async throws -> [[JSONValue]] {
        let script = """
            import datasets, json, sys
            datasets.disable_progress_bars()
            for path in sys.argv[2:]:
                rows = datasets.load_dataset("json", data_files=path, split="train", cache_dir=sys.argv[1])
                print(json.dumps(list(rows)))
            """
        var environment = ProcessInfo.processInfo.environment
        environment["HF_HOME"] = cache
        environment["HF_HUB_OFFLINE"] = "1"
        let outcome = try await runProcess(
            URL(fileURLWithPath: try #require(DatasetsPython.program)), ["-c", script, cache] + paths,
            environment: environment, timeout: .seconds(300))
        #expect(outcome.status == 0, "\(outcome.standardError)")
        return try outcome.standardOutput.split(separator: "\n").map {
            try JSONValue.parse(String($0)).arrayValue ?? []
        }
    }
}

extension TestFiles {
    fileprivate func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
}

extension JSONValue {
    /// The value without members that are null, which a column has for rows that lack it, its keys sorted.
    fileprivate var withoutNulls: JSONValue {
        switch self {
        case .array(let elements): return .array(elements.map(\.withoutNulls))
        case .object(let object):
            let members = object.members.filter { !$0.value.isNull }.sorted { $0.key < $1.key }
            return .object(
                JSONObject(members: members.map { JSONObject.Member(key: $0.key, value: $0.value.withoutNulls) }))
        default: return self
        }
    }
}

/// The Python that has `datasets` and `zstandard`.
enum DatasetsPython {
    static let program: String? = {
        let place =
            ProcessInfo.processInfo.environment["OCTAVO_DATASETS_PYTHON"]
            ?? TestPaths.packageRoot.appending(path: ".build/datasets-venv/bin/python").path
        return FileManager.default.isExecutableFile(atPath: place) ? place : nil
    }()

    static let absence = "no Python with datasets: scripts/test makes one; or set OCTAVO_DATASETS_PYTHON"
}
