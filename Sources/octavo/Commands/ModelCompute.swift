import ArgumentParser
import OctavoCore
import OctavoEngine
import OctavoLlama
import OctavoWeights
import OctavoWorker

/// Options of the commands that load weights.
struct ComputeOptions: ParsableArguments {
    @Argument(
        help:
            "The model: a .gguf file, a directory in Hugging Face's or Meta's format, or a name in the Hugging Face cache."
    )
    var model: String

    @Option(help: "A chat template that overrides the model's own.")
    var chatTemplate: String?

    @OptionGroup var generation: GenerationOptions
    @OptionGroup var engine: EngineOptions

    func load() throws -> LoadedModel {
        try LoadedModel(
            ModelLocation(model), templatePath: chatTemplate, names: [], generation: generation, engine: engine)
    }
}

struct ComputeLogits: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logits",
        abstract: "The logits of every position of token sequences.",
        discussion: """
            Reads {"ids": [...]}, writes {"argmax": [...], "logprobs_of_next": [...], "top": [[[id, logit], ...5], ...]}
            with one entry per position; the last log-probability is null.

            Examples:
              echo '{"ids": [1, 9690, 198]}' | octavo model logits MODEL
              octavo model logits MODEL --full logits.safetensors < ids.jsonl > top.jsonl
            """)
    @OptionGroup var options: ComputeOptions
    @Option(help: "Also write all logits to this file: F32 [positions, vocabulary], named 0, 1, ... by line.")
    var full: String?

    func run() throws {
        var engine = options.engine
        // Who asks for logits compares them: nothing is to blur them but the scheme.
        engine.kvCache = try engine.kvCache ?? Environment.value("OCTAVO_KV_CACHE") ?? .f32
        let model = try LoadedWeights(ModelLocation(options.model), engine: engine)
        let writer = try full.map { try SafetensorsWriter(path: $0) }
        var index = 0
        try JSONLines.forEach { _, line in
            let ids = try line.tokenIDs("ids", vocabularySize: model.runner.vocabularySize)
            guard !ids.isEmpty else { throw RequestError("must not be empty", parameter: "ids") }
            guard ids.count <= model.runner.contextLength else {
                throw RequestError(
                    "has \(ids.count) tokens; the context is \(model.runner.contextLength)", parameter: "ids")
            }
            writer?.begin("\(index)", shape: [ids.count, model.runner.vocabularySize])
            let report = try LogitsReport.compute(ids, runner: model.runner) { try writer?.append($0) }
            Console.result(report)
            index += 1
        }
        try writer?.finish()
    }
}

struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer requests without a database.",
        discussion: """
            Reads a request body per line ("prompt", "prompt_ids" or "messages", and sampling parameters), writes the
            response body. A request that cannot be answered is written as {"error": {...}}.

            Example:
              echo '{"messages": [{"role": "user", "content": "Name a color."}], "max_tokens": 16}' \\
                | octavo model generate MODEL
            """)
    @OptionGroup var options: ComputeOptions

    func run() async throws {
        let model = try options.load()
        var bodies: [JSONObject] = []
        try JSONLines.forEach { _, line in bodies.append(line) }
        let answers = await DirectGeneration(model: model).answer(bodies)
        for answer in answers { Console.result(answer) }
        if answers.contains(where: { $0["error"] != nil }) { throw CommandFailure(.incomplete, "some requests failed") }
    }
}
