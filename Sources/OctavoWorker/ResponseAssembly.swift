import OctavoCore
import OctavoEngine
import OctavoQueue

/// Gathers the choices of each request until its response is complete.
struct ResponseAssembly {
    private let lease: PreparedLease
    private let responses: ResponseBody
    private let threads: Int
    private var times: [Int: GenerationTime] = [:]
    private var completions: [Int: Completion] = [:]
    /// Requests that have ended without an answer, though choices of theirs may still come.
    private var ended: Set<Int> = []

    /// - Parameter threads: how many compute together, for core-seconds.
    init(lease: PreparedLease, responses: ResponseBody, threads: Int) {
        self.lease = lease
        self.responses = responses
        self.threads = threads
    }

    /// The name of the request that a generation belongs to.
    func key(of generation: Int) -> RequestKey { request(of: generation).leased.key }

    private func requestIndex(of generation: Int) -> Int { lease.requestOfGeneration[generation - lease.firstID] }

    /// The request that a generation belongs to.
    func request(of generation: Int) -> PreparedRequest { lease.requests[requestIndex(of: generation)] }

    /// The generations of a request, in order of choice.
    private func generations(of generation: Int) -> Range<Int> {
        let first = generation - choice(of: generation)
        return first..<first + request(of: generation).encoded.generations.count
    }

    private func choice(of generation: Int) -> Int { lease.generations[generation - lease.firstID].sampleIndex }

    /// Takes a completion; returns what became of the request when it was the last one missing.
    mutating func add(_ completion: Completion) -> RequestEnding? {
        completions[completion.id] = completion
        let samples = generations(of: completion.id).compactMap { completions[$0] }
        let request = request(of: completion.id)
        guard samples.count == request.encoded.generations.count else { return nil }
        let (encoded, kept) = (request.encoded, responses.kept(samples, for: request.encoded.body))
        if let rejection = rejection(of: kept, to: request) {
            return .failed(rejected(request.leased.key, rejection))
        }
        var body: [UInt8] = []
        responses.json(for: encoded.body, prompts: encoded.prompts, completions: samples).write(to: &body)
        return .finished(
            FinishedRequest(
                key: request.leased.key, finishReason: responses.finishReason(of: kept[0], to: encoded.body).code,
                promptTokens: encoded.promptTokens, completionTokens: samples.reduce(0) { $0 + $1.tokens.count },
                body: body, identity: request.identity, timing: timing(of: completion.id)))
    }

    /// Takes what a completion took, before it comes.
    mutating func measure(_ generation: Int, _ time: GenerationTime) { times[generation] = time }

    /// What all choices of a request took: from the first one's beginning to the last one's end.
    private func timing(of generation: Int) -> ResultTiming? {
        let times = generations(of: generation).compactMap { self.times[$0] }
        guard let start = times.map(\.start).min(), let end = times.map(\.end).max() else { return nil }
        let share = times.reduce(Duration.zero) { $0 + $1.share }
        return ResultTiming(
            computing: (end - start) / .seconds(1), coreSeconds: share / .seconds(1) * Double(threads))
    }

    /// The first breach of the batch's rules by any choice.
    private func rejection(of choices: [Completion], to request: PreparedRequest) -> OutputRules.Rejection? {
        guard let rules = request.rules else { return nil }
        for choice in choices {
            let rejection = rules.rejection(
                of: choice.text, finishReason: responses.finishReason(of: choice, to: request.encoded.body),
                attempts: request.leased.attempts)
            if let rejection { return rejection }
        }
        return nil
    }

    private func rejected(_ key: RequestKey, _ rejection: OutputRules.Rejection) -> FailedRequest {
        let error: JSONValue = [
            "message": .string(rejection.reason), "type": "invalid_output", "param": nil, "code": "output_rejected",
        ]
        return FailedRequest(
            key: key, kind: "output_rejected", isPermanent: rejection.isFinal, statusCode: 422, error: error.jsonText)
    }

    /// Takes the failure of a choice in the engine, which fails the request; returns that the first time.
    mutating func fail(_ generation: Int, _ error: EngineError) -> RequestEnding? {
        if case .structure = error {
            return fail(
                generation, kind: "invalid_structure", isPermanent: true, statusCode: 400,
                error: RequestError(error.description, code: "invalid_structure").json.jsonText)
        }
        let object: JSONValue = [
            "message": .string(error.description), "type": "server_error", "param": nil, "code": "engine_error",
        ]
        return fail(
            generation, kind: "engine_error", isPermanent: false, statusCode: 500, error: object.jsonText)
    }

    /// Takes note of a choice that no engine of this capacity can hold; returns the request's failure the first time.
    mutating func refuse(_ request: GenerationRequest, capacity: EngineCapacity) -> RequestEnding? {
        let error = RequestError(
            "prompt and max_tokens need \(request.maximumLength) positions, but this worker's KV cache holds "
                + "\(capacity.maximumPositions) and its context \(capacity.contextLength): lower max_tokens "
                + "or start the worker with more --kv-memory",
            parameter: "max_tokens", code: "context_length_exceeded")
        return fail(
            request.id, kind: "too_long", isPermanent: true, statusCode: 400, error: error.json.jsonText)
    }

    private mutating func fail(
        _ generation: Int, kind: String, isPermanent: Bool, statusCode: Int, error: String
    ) -> RequestEnding? {
        guard ended.insert(requestIndex(of: generation)).inserted else { return nil }
        return .failed(
            FailedRequest(
                key: key(of: generation), kind: kind, isPermanent: isPermanent, statusCode: statusCode, error: error))
    }

    /// Takes note that a choice was dropped, which leaves the request unanswered; returns that the first time.
    mutating func drop(_ generation: Int) -> RequestEnding? {
        ended.insert(requestIndex(of: generation)).inserted ? .dropped : nil
    }

    /// A checkpoint's tokens under the name that the queue knows them by.
    func checkpointEntry(_ entry: GenerationCheckpoint.Entry) -> CheckpointEntry {
        CheckpointEntry(
            key: key(of: entry.id), choice: choice(of: entry.id), firstToken: entry.firstToken, tokens: entry.tokens)
    }
}

/// What became of a request in a worker's hands.
enum RequestEnding {
    /// It is answered.
    case finished(FinishedRequest)
    /// It cannot be answered, or its answer does not count.
    case failed(FailedRequest)
    /// Nobody computes it here any more.
    case dropped
}
