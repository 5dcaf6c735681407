import Foundation
import OctavoCore
import OctavoFiles
import OctavoPostgres
import OctavoQueue
import Testing

@Suite struct DistillationTests {
    /// A chat of a prompt of two tokens and an answer of two, of each of which two likely tokens are told.
    private static func chat(_ id: String, _ members: String = "") -> AnsweredLine {
        AnsweredLine(
            #"{"id":"\#(id)","messages":[{"role":"user","content":"q"}],"logprobs":true,"top_logprobs":2,"#
                + #""log_sum_exp_temperatures":[2,1],"return_token_ids":true,"return_tokens_as_token_ids":true\#(members)}"#,
            #"{"index":0,"message":{"role":"assistant","content":"é","refusal":null},"logprobs":{"content":["#
                + #"{"token":"token_id:70000","logprob":-0.5,"bytes":[],"top_logprobs":["#
                + #"{"token":"token_id:70000","logprob":-0.5,"bytes":[]},{"token":"token_id:3","logprob":-2.0,"bytes":[]}]},"#
                + #"{"token":"token_id:9","logprob":-4.0,"bytes":[],"top_logprobs":["#
                + #"{"token":"token_id:4","logprob":-1.0,"bytes":[]},{"token":"token_id:3","logprob":-1.5,"bytes":[]}]}"#
                + #"],"refusal":null},"finish_reason":"stop","token_ids":[70000,9],"#
                + #""log_sum_exp":[[1.25,0.5000001],[1.75,1.0]],"ranks":[1,17]}"#,
            more: #","system_fingerprint":"fp","prompt_token_ids":[5,6]"#)
    }

    /// A text of three tokens, of which nothing is generated.
    private static let scored = AnsweredLine(
        #"{"id":"s","prompt":[7,8,9],"max_tokens":0,"prompt_logprobs":2,"log_sum_exp_temperatures":[2,1],"#
            + #""return_token_ids":true}"#,
        #"{"index":0,"text":"","logprobs":null,"finish_reason":"length","prompt_token_ids":[7,8,9],"token_ids":[],"#
            + #""prompt_logprobs":[null,{"8":{"logprob":-3.0,"rank":5,"decoded_token":""},"#
            + #""1":{"logprob":-0.25,"rank":1,"decoded_token":""},"2":{"logprob":-2.25,"rank":2,"decoded_token":""}},"#
            + #"{"9":{"logprob":-1.5,"rank":2,"decoded_token":""},"1":{"logprob":-0.5,"rank":1,"decoded_token":""}}],"#
            + #""prompt_log_sum_exp":[null,[1.5,0.25],[1.625,0.5]]}"#)

    /// Two prompts, whose answers of one token are told by a log-probability only.
    private static let texts = AnsweredLine(
        #"{"id":"t","prompt":["a","b"],"logprobs":2,"return_token_ids":true,"return_tokens_as_token_ids":true}"#,
        [1, 2].map { token in
            #"{"index":0,"text":"x","logprobs":{"tokens":["token_id:\#(token)"],"token_logprobs":[-3.5],"#
                + #""top_logprobs":[{"token_id:8":-0.5,"token_id:2":-0.75,"token_id:\#(token)":-3.5}],"text_offset":[0]},"#
                + #""finish_reason":"length","prompt_token_ids":[\#(token),4],"token_ids":[\#(token)]}"#
        }.joined(separator: ","))

    /// Enough chats for several small shards.
    private static let twelve: [(name: String, line: AnsweredLine)] = (1...12).map { number in
        let name = "c\(number)"
        return (name, chat(name))
    }

    private func export(
        _ batch: Int64, of queue: Queue, _ files: TestFiles, _ changes: Change<ExportOptions>...
    ) async throws -> ExportResult {
        let options = ExportOptions(batch: batch, output: files.path("train.jsonl"))
            .applying([.set(\.format, .distill)] + changes)
        return try await Exporter(options, queue: queue).run()
    }

    @Test func `every answer has its tokens, and of each position what the teacher thought`() async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await answeredBatch([Self.chat("c"), Self.scored], in: queue, files)
            let result = try await export(batch, of: queue, files)
            #expect(result.counts.lines == 2 && result.shards == 1 && result.unsuitable.isEmpty)
            let lines = try files.index
            let name = try #require(lines[0]["shard"]?.stringValue)
            #expect(
                lines[0].jsonText
                    == #"{"custom_id":"c","row":0,"tokens":4,"prompt_tokens":2,"positions":2,"finish_reason":"stop","#
                    + #""model":"m","system_fingerprint":"fp","messages":[{"role":"user","content":"q"},"#
                    + #"{"role":"assistant","content":"é"}],"shard":"\#(name)"}"#)
            #expect(lines[1]["row"] == 1 && lines[1]["messages"] == nil && lines[1]["prompt"] == nil)
            let shard = try Shard(files.path(name))
            #expect(shard.metadata["temperatures"] == "[1.0,2.0]")
            #expect(try shard.values("token_offsets", Int64.self) == [0, 4, 7])
            #expect(try shard.values("position_offsets", Int64.self) == [0, 2, 4])
            #expect(try shard.values("first_position", Int32.self) == [1, 0])
            #expect(try shard.values("input_ids", Int32.self) == [5, 6, 70000, 9, 7, 8, 9])
            #expect(try shard.values("loss_mask", UInt8.self) == [0, 0, 1, 1, 0, 1, 1])
            #expect(try shard.values("topk_ids", Int32.self) == [70000, 3, 4, 3, 1, 2, 1, 9])
            #expect(try shard.values("topk_logits", Float16.self) == [0, -1.5, 0, -0.5, 0, -2, 0, -1])
            #expect(
                try shard.values("log_sum_exp", Float.self) == [0.5000001, 1.25, 1, 1.75, 0.25, 1.5, 0.5, 1.625])
            #expect(try shard.values("logprob", Float.self) == [-0.5, -4, -3, -1.5])
            #expect(try shard.values("rank", Int32.self) == [1, 17, 5, 2])
            #expect(shard.shapes["topk_ids"] == [4, 2] && shard.shapes["rank"] == [4])
        }
    }

    @Test func `without log-sum-exps that at 1 is known, and ranks are as far as they are told`() async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await answeredBatch([Self.texts], in: queue, files)
            _ = try await export(batch, of: queue, files)
            let lines = try files.index
            #expect(lines.map { $0["sample"] } == [0, 1] && lines.map { $0["prompt"] } == ["a", "b"])
            #expect(lines.map { $0["completion"] } == ["x", "x"])
            let shard = try Shard(files.path(try #require(lines[0]["shard"]?.stringValue)))
            #expect(try shard.values("log_sum_exp", Float.self) == [0.5, 0.5])
            #expect(try shard.values("rank", Int32.self) == [0, 2])
            #expect(try shard.values("topk_ids", Int32.self) == [8, 2, 8, 2])
            #expect(shard.metadata["temperatures"] == "[1.0]")
        }
    }

    @Test func `a prompt whose tokens were scored is part of what a sample tells`() async throws {
        try await withTestQueue { queue, _, files in
            var line = Self.chat("c", #","prompt_logprobs":3"#)
            line.more +=
                #","prompt_logprobs":[null,{"6":{"logprob":-0.25,"rank":1},"1":{"logprob":-2.0,"rank":2},"#
                + #""2":{"logprob":-2.5,"rank":3}}],"prompt_log_sum_exp":[null,[2.0,0.25]]"#
            let batch = try await answeredBatch([line], in: queue, files)
            _ = try await export(batch, of: queue, files)
            let shard = try Shard(files.path(try #require(try files.index[0]["shard"]?.stringValue)))
            #expect(try shard.values("first_position", Int32.self) == [0])
            #expect(try shard.values("topk_ids", Int32.self) == [6, 1, 70000, 3, 4, 3])
            #expect(try shard.values("loss_mask", UInt8.self) == [0, 0, 1, 1])
        }
    }

    @Test func `what a request did not ask for is named, with what to enqueue it with`() async throws {
        let chat = Self.chat("a")
        func without(_ member: String) -> AnsweredLine {
            AnsweredLine(chat.line.replacing(member, with: ""), chat.choices, more: chat.more)
        }
        let lines = [
            without(#","return_token_ids":true"#).named("a"),
            without(#","return_tokens_as_token_ids":true"#).named("b"),
            without(#","top_logprobs":2"#).named("c"), Self.texts, Self.scored.named("e"),
        ]
        try await withTestQueue { queue, _, files in
            let batch = try await answeredBatch(lines, in: queue, files)
            let result = try await export(batch, of: queue, files)
            #expect(
                result.unsuitable.map(\.description) == [
                    #"line 1 ("a") has no token ids: enqueue it with "return_token_ids": true"#,
                    #"line 2 ("b") has no ids in its log-probabilities: enqueue it with "return_tokens_as_token_ids": true"#,
                    #"line 3 ("c") has no log-probabilities of likely tokens: "#
                        + #"enqueue it with "logprobs": true, "top_logprobs": 64"#,
                    #"line 5 ("e") has 2 tokens a position and log-sum-exps at [1.0, 2.0], "#
                        + "where the first had 2 and [1.0]: keep them in batches of their own",
                ])
            #expect(result.counts.lines == 2)
        }
    }

    @Test func `shards are closed at their size, and those of an older index go when the new one stands`() async throws
    {
        try await withTestQueue { queue, _, files in
            let batch = try await answeredBatch(Self.twelve.map(\.line), in: queue, files)
            let small = try await export(batch, of: queue, files, .set(\.shardBytes, 300))
            #expect(small.shards > 2 && small.counts.lines == 12)
            let index = try files.index
            let shards = Set(index.compactMap { $0["shard"]?.stringValue })
            #expect(shards.count == small.shards)
            #expect(Set(files.names).isSuperset(of: shards))
            let names = index.compactMap { $0["custom_id"]?.stringValue }
            #expect(names == Self.twelve.map(\.name))
            let before = try files.contents
            _ = try await export(batch, of: queue, files, .set(\.shardBytes, 300))
            #expect(try files.contents == before)
            _ = try files.write("train-2.safetensors", "another's")
            let large = try await export(batch, of: queue, files)
            let one = try #require(try files.index.first?["shard"]?.stringValue)
            #expect(large.shards == 1)
            let left = files.names.filter { $0.hasSuffix(".safetensors") }
            #expect(left == [one, "train-2.safetensors"])
        }
    }

    @Test func `an export that fails leaves the one before it whole, and nothing else`() async throws {
        try await withTestQueue { queue, connection, files in
            let batch = try await answeredBatch(Self.twelve.map(\.line), in: queue, files)
            _ = try await export(batch, of: queue, files)
            let before = try files.contents
            try await connection.run {
                try $0.execute(
                    "UPDATE octavo.results SET body = '{}' WHERE position = (SELECT max(position) FROM octavo.results)")
            }
            await #expect(throws: ExportError.self) {
                _ = try await export(batch, of: queue, files, .set(\.shardBytes, 300))
            }
            #expect(try files.contents == before)
        }
    }

    @Test func `an output that has no place beside it is refused`() async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await answeredBatch([Self.chat("c")], in: queue, files)
            for output in [nil, "/dev/null"] {
                await #expect(throws: BatchFileError.self) {
                    _ = try await export(batch, of: queue, files, .set(\.output, output))
                }
            }
        }
    }
}

extension AnsweredLine {
    fileprivate func named(_ id: String) -> AnsweredLine {
        let old = line.prefix { $0 != "," }
        return AnsweredLine(#"{"id":"\#(id)""# + line.dropFirst(old.count), choices, more: more)
    }
}

extension TestFiles {
    /// The lines of the index.
    fileprivate var index: [JSONValue] {
        get throws { try read("train.jsonl").split(separator: "\n").map { try JSONValue.parse(String($0)) } }
    }

    /// The files of the export by name.
    fileprivate var contents: [String: Data] {
        get throws {
            let names = names.filter { $0.contains("train") }
            return Dictionary(
                uniqueKeysWithValues: try names.map { ($0, try Data(contentsOf: directory.appending(path: $0))) })
        }
    }
}

/// A file of tensors.
private struct Shard {
    let metadata: [String: String]
    let shapes: [String: [Int]]
    private let header: JSONValue
    private let elements: Data

    init(_ path: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        header = try JSONValue.parse(Array(data.dropFirst(8).prefix(length)))
        elements = Data(data.dropFirst(8 + length))
        let members = try #require(header.objectValue).members
        metadata = Dictionary(
            uniqueKeysWithValues: (header["__metadata__"]?.objectValue?.members ?? []).map {
                ($0.key, $0.value.stringValue ?? "")
            })
        shapes = Dictionary(
            uniqueKeysWithValues: members.map {
                ($0.key, ($0.value["shape"]?.arrayValue ?? []).compactMap(\.integerValue))
            })
    }

    func values<Element>(_ name: String, _: Element.Type) throws -> [Element] {
        let range = try #require(header[name]?["data_offsets"]?.arrayValue).compactMap(\.integerValue)
        #expect(range[0].isMultiple(of: MemoryLayout<Element>.alignment), "\(name) is not aligned")
        return Array(elements[range[0]..<range[1]]).withUnsafeBytes { bytes in
            (0..<bytes.count / MemoryLayout<Element>.size).map {
                bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.size, as: Element.self)
            }
        }
    }
}
