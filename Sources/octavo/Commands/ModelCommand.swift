import ArgumentParser
import OctavoCore

struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Fetch a model, look into it, and run its parts on JSON lines from stdin.",
        subcommands: [
            Inspect.self, Pull.self, Quantize.self, Evaluate.self, Tokenize.self, Detokenize.self, Render.self,
            ComputeLogits.self,
            Generate.self,
        ])
}

/// Options of the filters that need no weights.
struct TextModelOptions: ParsableArguments {
    @Argument(
        help:
            "The model: a .gguf file, a directory, tokenizer.json, tokenizer.model, or a name in the Hugging Face cache."
    )
    var model: String

    @Option(help: "A chat template that overrides the model's own.")
    var chatTemplate: String?

    func open() throws -> TextModel { try TextModel(path: ModelLocation(model).path, templatePath: chatTemplate) }
}
