internal import OctavoCore
internal import OctavoQueue

/// Writes what a teacher thought, for students: a line of the index for every answer, and tensors in files beside it.
///
/// A line names its shard, which it can only when that is whole: lines wait for it. Memory holds one shard and its lines.
struct DistillLineWriter: LineWriter {
    private let defaults: JSONObject
    private let onlyComplete: Bool
    private let maximumShardBytes: Int
    private let files: ShardFiles
    /// The shape of the first sample, which all others must have.
    private var shape: TeacherShape?
    private var shard: TeacherShard?
    private var waiting: [JSONObject] = []

    /// - Parameters:
    ///   - defaults: the batch's settings.
    ///   - onlyComplete: whether answers that were cut off are left out.
    ///   - maximumShardBytes: at which a shard is closed.
    ///   - files: where shards go.
    init(defaults: JSONObject, onlyComplete: Bool, maximumShardBytes: Int, files: ShardFiles) {
        self.defaults = defaults
        self.onlyComplete = onlyComplete
        self.maximumShardBytes = maximumShardBytes
        self.files = files
    }

    var needsRequestBodies: Bool { true }
    var shardCount: Int { files.count }

    mutating func append(_ answered: AnsweredRequest, to bytes: inout [UInt8]) throws(RowProblem) -> WrittenLines {
        let exchange = try StoredExchange(
            request: answered.row.body, response: answered.response, defaults: defaults)
        var written = WrittenLines()
        for (index, choice) in exchange.choices.enumerated() {
            if onlyComplete, choice["finish_reason"] == "length" {
                written.cutOff += 1
                continue
            }
            do {
                let (sample, shape) = try TeacherSample.read(choice, of: exchange)
                try add(sample, shape)
                waiting.append(line(of: sample, choice, index: index, of: exchange, customID: answered.row.customID))
                written.lines += 1
            } catch .unsuitable(let problem) {
                written.unsuitable = problem.reason
            }
        }
        return written
    }

    private mutating func add(_ sample: TeacherSample, _ shape: TeacherShape) throws(RowProblem) {
        let expected = self.shape ?? shape
        guard shape == expected else {
            throw .unsuitable(
                UnsuitableSample(
                    "has \(shape.topCount) tokens a position and log-sum-exps at \(shape.temperatures), where the first "
                        + "had \(expected.topCount) and \(expected.temperatures): keep them in batches of their own"))
        }
        self.shape = shape
        // In place: a copy of the shard would be made otherwise.
        if shard == nil { shard = TeacherShard(shape) }
        shard?.append(sample)
    }

    /// The line of a sample, the last of the shard, without the shard's name.
    private func line(
        of sample: TeacherSample, _ choice: JSONValue, index: Int, of exchange: StoredExchange, customID: String
    ) -> JSONObject {
        var line: JSONObject = ["custom_id": .string(customID)]
        if exchange.choices.count > 1 { line["sample"] = .integer(index) }
        line["row"] = .integer(waiting.count)
        line["tokens"] = .integer(sample.tokens.count)
        line["prompt_tokens"] = .integer(sample.promptCount)
        line["positions"] = .integer(sample.positions.count)
        line["finish_reason"] = choice["finish_reason"]
        for key in ["model", "system_fingerprint"] { line[key] = exchange.response[key] }
        // A prompt of token ids has no text.
        guard let text = try? Sample(choice, index: index, of: exchange.request) else { return line }
        switch text.exchange {
        case .chat(let messages, let answer): line["messages"] = .array(messages + [.object(answer)])
        case .completion(let prompt, let answer):
            line["prompt"] = .string(prompt)
            line["completion"] = .string(answer)
        }
        line["tools"] = text.tools.map { .string($0.jsonText) }
        return line
    }

    mutating func settle(isLast: Bool, to bytes: inout [UInt8]) throws(BatchFileError) {
        guard let shard, isLast || shard.byteCount >= maximumShardBytes else { return }
        let name = try files.write(shard.pieces)
        self.shard = nil
        for var line in waiting {
            line["shard"] = .string(name)
            JSONValue.object(line).write(to: &bytes)
            bytes.append(UInt8(ascii: "\n"))
        }
        waiting = []
    }

    func commit() { files.commit() }
}
