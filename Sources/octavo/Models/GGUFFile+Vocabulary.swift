import OctavoTokenizer
import OctavoWeights

extension GGUFFile {
    /// The tokenizer's part of the metadata.
    func vocabulary() throws -> GGUFVocabulary {
        guard let tokens = try strings("tokenizer.ggml.tokens") else {
            throw CommandFailure(.badData, "\(path): tokenizer.ggml.tokens is missing: the file has no tokenizer")
        }
        return GGUFVocabulary(
            model: try string("tokenizer.ggml.model") ?? "", pre: try string("tokenizer.ggml.pre"),
            tokens: tokens, tokenTypes: try int32s("tokenizer.ggml.token_type") ?? [],
            merges: try strings("tokenizer.ggml.merges") ?? [], bosID: try integer("tokenizer.ggml.bos_token_id"),
            eosID: try integer("tokenizer.ggml.eos_token_id"), eotID: try integer("tokenizer.ggml.eot_token_id"),
            addBOS: try bool("tokenizer.ggml.add_bos_token"))
    }
}
