import OctavoBatching
import OctavoCore
import OctavoEngine
import OctavoTokenizer

/// Answers request bodies with a loaded model and no database.
struct DirectGeneration {
    let model: LoadedModel

    /// A request on its way: its body, its prompts and the ids of its generations.
    private struct Job {
        var body: RequestBody
        var promptTokens: Int
        var ids: Range<Int>
    }

    /// The response body of each request, or `{"error": {...}}`, in order.
    func answer(_ bodies: [JSONObject]) async -> [JSONValue] {
        var answers = [JSONValue](repeating: .null, count: bodies.count)
        var jobs: [Int: Job] = [:]
        var generations: [GenerationRequest] = []
        for (index, body) in bodies.enumerated() {
            do throws(RequestError) {
                let (job, new) = try prepare(body, firstID: generations.count)
                jobs[index] = job
                generations += new
            } catch {
                answers[index] = ["error": error.json]
            }
        }
        let completions = await run(generations)
        let responses = ResponseBody(
            model: model.names[0], systemFingerprint: model.fingerprint, tokens: model.text.tokenizer)
        for (index, job) in jobs {
            let choices = job.ids.compactMap { completions[$0] }
            answers[index] =
                choices.count == job.ids.count
                ? responses.json(for: job.body, completions: choices, promptTokens: job.promptTokens)
                : ["error": RequestError("the engine could not answer; is --kv-memory large enough?").json]
        }
        return answers
    }

    private func prepare(
        _ object: JSONObject, firstID: Int
    ) throws(RequestError) -> (job: Job, generations: [GenerationRequest]) {
        var object = object
        // Token ids may also come under a name that says what they are.
        if let ids = object["prompt_ids"] {
            object["prompt"] = ids
            object["prompt_ids"] = nil
        }
        let body = try RequestBody.parse(object, sampling: model.samplingDefaults)
        let prompts = try model.encoder.encode(body)
        var generations: [GenerationRequest] = []
        for prompt in prompts {
            var sampling = body.sampling
            sampling.seed = sampling.seed ?? 0
            sampling.maxTokens = try body.maximumNewTokens(
                promptTokens: prompt.count, contextLength: model.encoder.contextLength)
            for _ in 0..<body.choicesPerPrompt {
                generations.append(
                    GenerationRequest(
                        id: firstID + generations.count, promptTokens: prompt, sampling: sampling,
                        sampleIndex: generations.count))
            }
        }
        let promptTokens = prompts.reduce(0) { $0 + $1.count }
        return (Job(body: body, promptTokens: promptTokens, ids: firstID..<firstID + generations.count), generations)
    }

    private func run(_ generations: [GenerationRequest]) async -> [Int: Completion] {
        var completions: [Int: Completion] = [:]
        let plan = BatchPlanner(capacity: model.engine.capacity).plan(generations)
        let control = GenerationControl()
        for await event in model.engine.generate(plan.batches.flatMap(\.self), control: control) {
            switch event {
            case .finished(let completion): completions[completion.id] = completion
            case .checkpoint(let checkpoint): control.acknowledge(checkpoint.number)
            case .failed, .cancelled, .step: break
            }
        }
        return completions
    }
}
