/// A statement of the template language, and the line it begins on.
struct TemplateStatement: Sendable {
    let line: Int
    let kind: Kind

    indirect enum Kind: Sendable {
        /// Text between tags.
        case data(TemplateText)
        /// `{{ … }}`
        case print(TemplateExpression)
        case conditional([Branch], otherwise: [TemplateStatement])
        case loop(Loop)
        case set(Target, TemplateExpression)
        /// `{% set x %}…{% endset %}`
        case capture(Target, [TemplateExpression.FilterCall], [TemplateStatement])
        case with([(target: Target, value: TemplateExpression)], [TemplateStatement])
        case macro(TemplateMacro)
        /// `{% call f() %}…{% endcall %}`: the call and the body as a macro.
        case call(TemplateExpression, caller: TemplateMacro)
        case filter([TemplateExpression.FilterCall], [TemplateStatement])
        /// `{% generation %}`: marks what the model wrote, for training; a scope and nothing else when rendering.
        case generation([TemplateStatement])
        case breakLoop
        case continueLoop
    }

    struct Branch: Sendable {
        let condition: TemplateExpression
        let body: [TemplateStatement]
    }

    struct Loop: Sendable {
        let target: Target
        let iterable: TemplateExpression
        let condition: TemplateExpression?
        let isRecursive: Bool
        let body: [TemplateStatement]
        let otherwise: [TemplateStatement]
    }

    /// What is assigned to.
    indirect enum Target: Sendable {
        case name(String)
        /// An attribute of a namespace.
        case attribute(String, String)
        case tuple([Target])
    }
}

/// `{% macro name(parameters) %}body{% endmacro %}`
struct TemplateMacro: Sendable {
    struct Parameter: Sendable {
        let name: String
        let defaultValue: TemplateExpression?
    }

    let name: String
    let parameters: [Parameter]
    let body: [TemplateStatement]
    /// Which of `caller`, `varargs` and `kwargs` the body names: only then does the macro take such arguments.
    let mentions: Set<String>
}

extension TemplateStatement {
    /// The statements directly inside this one.
    var children: [TemplateStatement] {
        switch kind {
        case .data, .print, .set, .breakLoop, .continueLoop: []
        case .conditional(let branches, let otherwise): branches.flatMap(\.body) + otherwise
        case .loop(let loop): loop.body + loop.otherwise
        case .capture(_, _, let body), .with(_, let body), .filter(_, let body), .generation(let body): body
        case .macro(let macro), .call(_, let macro): macro.body
        }
    }

    /// The expressions directly inside this statement.
    var expressions: [TemplateExpression] {
        switch kind {
        case .data, .macro, .generation, .breakLoop, .continueLoop: []
        case .print(let expression), .set(_, let expression), .call(let expression, _): [expression]
        case .conditional(let branches, _): branches.map(\.condition)
        case .loop(let loop): [loop.iterable] + (loop.condition.map { [$0] } ?? [])
        case .capture(_, let filters, _), .filter(let filters, _): filters.flatMap(\.arguments.children)
        case .with(let bindings, _): bindings.map(\.value)
        }
    }
}
