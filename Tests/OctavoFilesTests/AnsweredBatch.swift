import OctavoCore
import OctavoFiles
import OctavoQueue
import Testing

/// A line of input, and the choices of its response as JSON; without them the request is left untouched.
struct AnsweredLine {
    var line: String
    var choices: String?
    /// Members of the response behind the choices, each with a comma before it.
    var more: String

    init(_ line: String, _ choices: String?, more: String = "") {
        self.line = line
        self.choices = choices
        self.more = more
    }

    /// A chat of one question, answered by texts.
    static func chat(_ id: String, _ question: String, _ answers: String..., finishReason: String = "stop") -> Self {
        let choices = answers.map { message(#"{"role":"assistant","content":"\#($0)","refusal":null}"#, finishReason) }
        return AnsweredLine(
            #"{"id":"\#(id)","messages":[{"role":"user","content":"\#(question)"}],"n":\#(answers.count)}"#,
            choices.joined(separator: ","))
    }

    /// A completion, answered by texts.
    static func completion(_ id: String, _ prompt: String, _ answers: String...) -> Self {
        let choices = answers.map { #"{"index":0,"text":"\#($0)","logprobs":null,"finish_reason":"stop"}"# }
        return AnsweredLine(
            #"{"id":"\#(id)","prompt":"\#(prompt)","n":\#(answers.count)}"#, choices.joined(separator: ","))
    }

    /// A choice of a chat.
    static func message(_ message: String, _ finishReason: String = "stop") -> String {
        #"{"index":0,"message":\#(message),"logprobs":null,"finish_reason":"\#(finishReason)"}"#
    }
}

/// Queues lines as a batch and answers them, in windows of ten requests.
///
/// - Parameter seed: tells batches of the same lines apart.
func answeredBatch(
    _ lines: [AnsweredLine], in queue: Queue, _ files: TestFiles, seed: Int64 = 1
) async throws -> Int64 {
    let path = try files.write("\(seed).in.jsonl", lines.map(\.line).joined(separator: "\n"))
    var options = EnqueueOptions(files: [path])
    options.seed = seed
    options.windowRows = 10
    let batch = try #require(try await Enqueuer(options, queue: queue).run().batchID)
    while let lease = try await queue.claim(
        ClaimRequest(worker: "w", models: [], maximumRequests: 64, tokenBudget: 1 << 20, timeToLive: .seconds(60)))
    {
        let answers = lease.requests.compactMap { request in
            let line = lines[request.line - 1]
            return line.choices.map { answer(request, $0 + "]" + line.more, isChat: line.isChat) }
        }
        _ = try await queue.finish(token: lease.token, answers, timeToLive: .seconds(60))
    }
    return batch
}

extension AnsweredLine {
    fileprivate var isChat: Bool { line.contains(#""messages":"#) }
}

private func answer(_ request: LeasedRequest, _ rest: String, isChat: Bool) -> FinishedRequest {
    let object = isChat ? "chat.completion" : "text_completion"
    let body = #"{"object":"\#(object)","model":"m","choices":[\#(rest)}"#
    return FinishedRequest(
        key: request.key, finishReason: 0, promptTokens: 1, completionTokens: 1, body: Array(body.utf8))
}
