internal import OctavoCore
internal import OctavoQueue

/// Writes TRL's preference lines, `{"prompt": ..., "chosen": ..., "rejected": ...}`: texts for completions, lists of
/// messages for chats.
///
/// The chosen answer is that of the batch that is exported, the rejected one that of the request with the same
/// `custom_id` in another batch. Both must answer the same prompt. Of several samples, those of one index are a pair, and
/// equal answers are none.
struct PreferenceLineWriter: LineWriter {
    /// The settings of the batch of chosen answers.
    var defaults: JSONObject
    /// The settings of the batch of rejected answers.
    var rejectedDefaults: JSONObject
    /// Whether pairs with an answer that was cut off are left out.
    var onlyComplete: Bool

    var needsRequestBodies: Bool { true }

    func append(_ answered: AnsweredRequest, to bytes: inout [UInt8]) throws(RowProblem) -> WrittenLines {
        guard let rejected = answered.rejected else { return WrittenLines(isUnpaired: true) }
        let chosenSamples = try Sample.all(
            of: StoredExchange(request: answered.row.body, response: answered.response, defaults: defaults))
        let rejectedSamples = try Sample.all(
            of: StoredExchange(request: rejected.request, response: rejected.response, defaults: rejectedDefaults))
        var written = WrittenLines()
        for (chosen, rejected) in zip(chosenSamples, rejectedSamples) {
            if onlyComplete, chosen.isCutOff || rejected.isCutOff {
                written.cutOff += 1
                continue
            }
            do {
                if let members = try Pair(chosen, rejected).members {
                    SampleLine.append(members, of: chosen, customID: answered.row.customID, to: &bytes)
                    written.lines += 1
                } else {
                    written.identical += 1
                }
            } catch {
                written.unsuitable = error.reason
            }
        }
        return written
    }
}

/// Two answers to one prompt.
private struct Pair {
    private let prompt: JSONValue
    private let chosen: JSONValue
    private let rejected: JSONValue
    private let isIdentical: Bool

    /// - Throws: `UnsuitableSample` if the prompts differ.
    init(_ chosen: Sample, _ rejected: Sample) throws(UnsuitableSample) {
        switch (chosen.exchange, rejected.exchange) {
        case (.chat(let messages, let answer), .chat(let others, let other))
        where messages == others && chosen.tools == rejected.tools:
            prompt = .array(messages)
            self.chosen = [.object(answer)]
            self.rejected = [.object(other)]
            isIdentical = Self.anonymous(answer) == Self.anonymous(other)
        case (.completion(let text, let answer), .completion(let otherText, let other)) where text == otherText:
            prompt = .string(text)
            self.chosen = .string(answer)
            self.rejected = .string(other)
            isIdentical = answer == other
        default: throw UnsuitableSample("asks something else than the request of the same name in the rejected batch")
        }
    }

    /// The members of the pair's line; `nil` if its answers are the same.
    var members: JSONObject? {
        isIdentical ? nil : ["prompt": prompt, "chosen": chosen, "rejected": rejected]
    }

    /// An answer without the identifiers of its calls, which may differ where the calls do not.
    private static func anonymous(_ answer: JSONObject) -> JSONObject {
        guard let calls = answer["tool_calls"]?.arrayValue else { return answer }
        var result = answer
        result["tool_calls"] = .array(calls.map { $0["function"] ?? $0 })
        return result
    }
}
