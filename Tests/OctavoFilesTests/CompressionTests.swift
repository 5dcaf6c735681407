import Foundation
import OctavoCore
import OctavoFiles
import OctavoQueue
import OctavoTestSupport
import Testing

@Suite struct CompressionTests {
    /// Unpacks a file by Python, whose libraries are not those that packed it.
    private func unpacked(_ path: String, by program: String, _ expression: String) async throws -> String {
        let script = "import gzip, sys\nsys.stdout.buffer.write(\(expression))"
        let outcome = try await runProcess(URL(fileURLWithPath: "/usr/bin/env"), [program, "-c", script, path])
        #expect(outcome.status == 0, "\(outcome.standardError)")
        return outcome.standardOutput
    }

    private func gunzipped(_ path: String) async throws -> String {
        try await unpacked(path, by: "python3", "gzip.open(sys.argv[1]).read()")
    }

    /// Longer than the buffers of the file and of the compressors.
    private let text = (0..<60_000).map { "{\"line\": \($0), \"text\": \"é🦙 \($0 * 7919 % 10_007)\"}\n" }.joined()

    private func write(_ text: String, to path: String) throws {
        let file = try AtomicFile(path: path, compression: Compression(path: path))
        var rest = text.utf8[...]
        while !rest.isEmpty {
            try file.append { $0.append(contentsOf: rest.prefix(997)) }
            rest = rest.dropFirst(997)
        }
        try file.finish()
        try file.commit()
    }

    @Test(arguments: [0, 1, 60_000]) func `a name that ends in gz has the file gzipped`(lines: Int) async throws {
        try await TestFiles.with { files in
            let path = files.path("out.jsonl.gz")
            let text = self.text.split(separator: "\n").prefix(lines).map { $0 + "\n" }.joined()
            try write(text, to: path)
            #expect(try await gunzipped(path) == text)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            // RFC 1952: no flags, so no name, and no time.
            #expect(bytes[3..<8].allSatisfy { $0 == 0 })
            #expect(lines < 2 || bytes.count < text.utf8.count / 3)
            let again = files.path("again.gz")
            try write(text, to: again)
            #expect(try Data(contentsOf: URL(fileURLWithPath: again)) == bytes)
        }
    }

    @Test(
        .enabled(if: DatasetsPython.program != nil, Comment(rawValue: DatasetsPython.absence)),
        arguments: [0, 1, 60_000])
    func `a name that ends in zst has the file compressed by Zstandard`(lines: Int) async throws {
        try await TestFiles.with { files in
            let path = files.path("out.jsonl.zst")
            let text = self.text.split(separator: "\n").prefix(lines).map { $0 + "\n" }.joined()
            try write(text, to: path)
            let program = try #require(DatasetsPython.program)
            let read = "__import__('zstandard').ZstdDecompressor().stream_reader(open(sys.argv[1], 'rb')).read()"
            #expect(try await unpacked(path, by: program, read) == text)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            let again = files.path("again.zst")
            try write(text, to: again)
            #expect(try Data(contentsOf: URL(fileURLWithPath: again)) == bytes)
        }
    }

    @Test func `any format is compressed, with the same bytes each time, and errors as the output is`() async throws {
        try await withTestQueue { queue, _, files in
            let lines = (1...25).map { AnsweredLine.chat("c\($0)", "Hi", "Hello \($0)") }
            let batch = try await answeredBatch(
                lines + [AnsweredLine(#"{"id":"x","prompt":"y"}"#, nil)], in: queue, files)
            try await queue.cancel(batch)
            for format in [ExportOptions.Format.openai, .messages] {
                var options = ExportOptions(batch: batch, output: files.path("out.jsonl"))
                options.format = format
                _ = try await Exporter(options, queue: queue).run()
                options.output = files.path("packed.jsonl.gz")
                let result = try await Exporter(options, queue: queue).run()
                #expect(result.errorsPath == files.path("packed.errors.jsonl.gz"))
                let first = try Data(contentsOf: URL(fileURLWithPath: files.path("packed.jsonl.gz")))
                #expect(try await gunzipped(files.path("packed.jsonl.gz")) == files.read("out.jsonl"))
                #expect(
                    try await gunzipped(files.path("packed.errors.jsonl.gz")) == files.read("out.errors.jsonl"))
                _ = try await Exporter(options, queue: queue).run()
                #expect(try Data(contentsOf: URL(fileURLWithPath: files.path("packed.jsonl.gz"))) == first)
            }
            #expect(files.names.allSatisfy { !$0.contains(".octavo-") })
        }
    }
}
