import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

/// A Python that has the package `openai`: `scripts/test` makes one.
private let openAIPython: String? = {
    let place =
        ProcessInfo.processInfo.environment["OCTAVO_OPENAI_PYTHON"]
        ?? TestPaths.packageRoot.appending(path: ".build/openai-venv/bin/python").path
    return FileManager.default.isExecutableFile(atPath: place) ? place : nil
}()

extension CommandLineTests {
    /// Results and errors as OpenAI's own package reads them.
    @Suite(
        .serialized,
        .enabled(
            if: openAIPython != nil,
            "no Python with openai: scripts/test makes one; or set OCTAVO_OPENAI_PYTHON"))
    struct OpenAIPackageTests {
        @Test func `every response is a ChatCompletion or a Completion of the openai package, and nothing is lost`()
            async throws
        {
            try await Workbench.with { bench in
                let lines = SampleRequests.lines(longest: 12) + Self.lines
                let input = try bench.write("in.jsonl", lines.joined(separator: "\n"))
                // Queued without a model, so that the worker finds what is wrong.
                let batch = try await bench.octavo("enqueue", input).standardOutput
                    .trimmingCharacters(in: .whitespacesAndNewlines)
                _ = try await bench.octavo("worker", "--model", TestModels.tiny, "--drain")
                let outcome = try await bench.octavo(
                    "export", batch, "-o", bench.path("out.jsonl"), "--errors", bench.path("errors.jsonl"))
                #expect(outcome.status == 1, "\(outcome.standardError)")
                let report = try await read(bench, "out.jsonl", "errors.jsonl")
                #expect(report["chat.completion"]?.integerValue ?? 0 > 20)
                #expect(report["text_completion"]?.integerValue ?? 0 > 20)
                #expect(report["error"] == 1)
                let extras = try #require(report["extras"]?.arrayValue).compactMap(\.stringValue)
                #expect(Set(extras).isSubset(of: Self.extras), "\(extras)")
            }
        }

        /// What the package does not know, since it is vLLM's or Octavo's.
        private static let extras: Set = [
            "prompt_logprobs", "prompt_token_ids", "token_ids", "log_sum_exp", "prompt_log_sum_exp",
            "ranks",
        ]

        private static let lines = [
            #"""
            {"id": "tool", "messages": [{"role": "user", "content": "x"}], "max_tokens": 4, "logprobs": true, "top_logprobs": 2, "return_token_ids": true, "service_tier": "flex", "tools": [{"type": "function", "function": {"name": "f"}}]}
            """#,
            #"{"id": "echo", "prompt": "é x", "max_tokens": 0, "echo": true, "logprobs": 0, "return_token_ids": true}"#,
            #"{"id": "too-long", "prompt": "x", "max_tokens": 4, "allowed_token_ids": [9999999]}"#,
        ]

        private func read(_ bench: Workbench, _ names: String...) async throws -> JSONValue {
            let script = """
                import json, sys
                from openai.types import Completion
                from openai.types.chat import ChatCompletion
                from openai.types.shared import ErrorObject
                models = {"chat.completion": ChatCompletion, "text_completion": Completion}
                counts, extras = {"error": 0, "chat.completion": 0, "text_completion": 0}, set()
                def unknown(value):
                    fields = getattr(value, "model_extra", None)
                    extras.update(fields or [])
                    children = value if isinstance(value, list) else vars(value).values() if fields is not None else []
                    for child in children:
                        unknown(child)
                # The package's type denies it, but the API has null for the first token of an echo.
                def without_null(body):
                    for logprobs in filter(None, (choice["logprobs"] for choice in body["choices"])):
                        if (logprobs.get("token_logprobs") or [0])[0] is None:
                            logprobs.update({key: value[1:] for key, value in logprobs.items()})
                    return body
                for line in (line for name in sys.argv[1:] for line in open(name)):
                    response = json.loads(line)["response"]
                    body = response["body"]
                    if response["status_code"] == 200:
                        kind = body["object"]
                        parsed = models[kind].model_validate(without_null(body), strict=True)
                        assert parsed.model_dump(mode="json", exclude_unset=True) == body, line
                        unknown(parsed)
                    else:
                        kind = "error"
                        assert set(body["error"]) == {"message", "type", "param", "code"}, line
                        ErrorObject.model_validate(body["error"], strict=True)
                    counts[kind] += 1
                print(json.dumps({**counts, "extras": sorted(extras)}))
                """
            let outcome = try await runProcess(
                URL(fileURLWithPath: try #require(openAIPython)), ["-c", script] + names.map(bench.path),
                environment: bench.environment, timeout: .seconds(120))
            try #require(outcome.status == 0, "\(outcome.standardError)")
            return try JSONValue.parse(Array(outcome.standardOutput.utf8))
        }
    }
}
