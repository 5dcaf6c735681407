import OctavoBatching
import OctavoCore
import OctavoEngine
import OctavoGrammar
import OctavoTokenizer

/// Answers request bodies with a loaded model and no database.
struct DirectGeneration {
    let model: LoadedModel
    private let structures = StructureChecks()

    init(model: LoadedModel) { self.model = model }

    /// The response body of each request, or `{"error": {...}}`, in order.
    func answer(_ bodies: [JSONObject]) async -> [JSONValue] {
        var answers = [JSONValue](repeating: .null, count: bodies.count)
        var jobs: [Int: (request: EncodedRequest, ids: Range<Int>)] = [:]
        var generations: [GenerationRequest] = []
        for (index, body) in bodies.enumerated() {
            do throws(RequestError) {
                let request = try encode(body)
                jobs[index] = (request, generations.count..<generations.count + request.generations.count)
                for var generation in request.generations {
                    generation.id = generations.count
                    generations.append(generation)
                }
            } catch {
                answers[index] = ["error": error.json]
            }
        }
        let completions = await run(generations)
        let responses = ResponseBody(
            model: model.names[0], systemFingerprint: model.fingerprint, tokens: model.text.tokenizer)
        for (index, job) in jobs {
            let samples = job.ids.compactMap { completions[$0] }
            answers[index] =
                samples.count == job.ids.count
                ? responses.json(for: job.request.body, prompts: job.request.prompts, completions: samples)
                : ["error": RequestError("the engine could not answer; is --kv-memory large enough?").json]
        }
        return answers
    }

    private func encode(_ object: JSONObject) throws(RequestError) -> EncodedRequest {
        var object = object
        // Token ids may also come under a name that says what they are.
        if let ids = object["prompt_ids"] {
            object["prompt"] = ids
            object["prompt_ids"] = nil
        }
        let body = try RequestBody.parse(object, sampling: model.samplingDefaults)
        try structures.check(body.sampling.structure)
        return try EncodedRequest(body, encoder: model.encoder, seed: 0)
    }

    private func run(_ generations: [GenerationRequest]) async -> [Int: Completion] {
        var completions: [Int: Completion] = [:]
        let plan = BatchPlanner(capacity: model.engine.capacity).plan(generations)
        let control = GenerationControl()
        for await event in model.engine.generate(plan.batches.flatMap(\.self), control: control) {
            switch event {
            case .finished(let completion): completions[completion.id] = completion
            case .checkpoint(let checkpoint): control.acknowledge(checkpoint.number)
            case .failed, .cancelled, .step, .measured: break
            }
        }
        return completions
    }
}
