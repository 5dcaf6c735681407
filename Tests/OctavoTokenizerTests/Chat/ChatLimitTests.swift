import OctavoCore
import OctavoTokenizer
import Testing

/// A hostile template ends in an error, soon, whatever it does.
@Suite struct ChatLimitTests {
    private func render(_ source: String) throws -> String {
        let limits = ChatTemplate.Limits(steps: 20_000, outputBytes: 1 << 20)
        return try ChatTemplate(source: source, limits: limits).render(variables: JSONObject()).text
    }

    @Test(arguments: [
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(2000) %}{% set ns.x = [ns.x] %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(2000) %}{% set ns.x = ns.x | map('upper') %}{% endfor %}",
        "{{ 'a' * 1000000000000 }}", "{{ [1] * 1000000000000 }}", "{{ 'a'.center(1000000000000) }}",
        "{{ '%1000000000000d' % 1 }}", "{{ [1] | tojson(indent=1000000000000) }}", "{{ range(9223372036854775807) }}",
    ])
    func `running on is an error`(source: String) {
        let error = #expect(throws: ChatTemplateError.self) { try render(source) }
        guard case .limit? = error else {
            Issue.record("\(source): \(String(describing: error))")
            return
        }
    }

    @Test(arguments: ["ns.t == ns.u", "ns.t < ns.u", "ns.t | string", "{ns.t: 1}", "ns.t | tojson"])
    func `values that share their parts cannot be walked for ever`(expression: String) {
        let source = """
            {% set ns = namespace(t=(1,), u=(1,)) %}{% for i in range(60) %}
            {% set ns.t = (ns.t, ns.t) %}{% set ns.u = (ns.u, ns.u) %}{% endfor %}{{ \(expression) }}
            """
        #expect(throws: ChatTemplateError.self) { try render(source) }
    }

    @Test(arguments: [
        "{{ " + String(repeating: "(", count: 100_000), "{{ " + String(repeating: "-", count: 100_000) + "1 }}",
        "{{ 1" + String(repeating: "+1", count: 100_000) + " }}",
        "{{ a" + String(repeating: ".b", count: 100_000) + " }}",
        String(repeating: "{% if 1 %}", count: 100_000),
        "{% set " + String(repeating: "(", count: 100_000) + "a = 1 %}",
    ])
    func `nesting without end is a syntax error`(source: String) {
        #expect(throws: ChatTemplateError.self) { try ChatTemplate(source: source) }
    }

    @Test(arguments: [
        "{{ 9223372036854775807 + 1 }}", "{{ (-9223372036854775807 - 1) // -1 }}", "{{ 2 ** 9223372036854775807 }}",
        "{{ (-9223372036854775807 - 1) | abs }}", "{{ 1 // 0 }}", "{{ 1 % 0 }}",
    ])
    func `arithmetic beyond 64 bits is an error`(source: String) {
        #expect(throws: ChatTemplateError.self) { try render(source) }
    }

    @Test(arguments: [
        ("{{ 'abc'[-9223372036854775807:9223372036854775807] }}", "abc"), ("{{ 'abc'[::9223372036854775807] }}", "a"),
        ("{{ 'abc'[::-9223372036854775807] }}", "c"), ("{{ 'abc'[-9223372036854775807 - 1] }}", ""),
        ("{{ 'abc' | truncate(9223372036854775807, leeway=9223372036854775807) }}", "abc"),
        ("{{ (-9223372036854775807 - 1) % -1 }}", "0"), ("{{ 'a'.ljust(-9223372036854775807) }}", "a"),
    ])
    func `extreme numbers are no trap`(source: String, expected: String) throws {
        #expect(try render(source) == expected)
    }

    @Test(arguments: [
        "{% for i in range(10**9) %}{% for j in range(10**9) %}x{% endfor %}{% endfor %}",
        "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for a in [[[1]]] recursive %}{{ loop([[[1]]]) }}{% endfor %}",
        "{{ 'a\\nb' | indent(10**12) }}", "{{ 'a' | center(10**12) }}", "{{ 'a'.ljust(10**12) }}",
        "{{ '{:1000000000000}'.format(1) }}", "{{ '{:.1000000000000f}'.format(1.5) }}", "{{ '%.1000000000f' % 1.5 }}",
        "{{ '%*d' % (10**12, 1) }}", "{{ '%c' % 99999999999 }}", "{{ '{:c}'.format(99999999999) }}",
        "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}", "{{ ('a' * 100000) | replace('', 'b' * 100000) }}",
        "{{ ([1] * 10000) | join('x' * 100000) }}", "{{ ('a,' * 500000).split(',') | length }}",
        "{{ ('a ' * 400000) | wordwrap(1) }}", "{{ 'a b' | wordwrap(0) }}", "{{ 'a b' | wordwrap(-1) }}",
        "{{ strftime_now('%Y' * 500000) }}", "{{ strftime_now('%') }}",
        "{{ 10 ** 10 ** 10 }}", "{{ 2 ** -1 }}", "{{ 0 ** -1 }}", "{{ -(-9223372036854775807 - 1) }}",
        "{{ (-9223372036854775807 - 1) * -1 }}", "{{ -9223372036854775807 - 2 }}", "{{ 99999999999999999999 * 2 }}",
        "{{ '9' * 1000000 | int }}", "{{ ('9' * 400) | int }}", "{{ ('9' * 400) | float | int }}",
        "{{ 1e308 * 10 }}", "{{ (1e308 * 10) | int }}", "{{ (1e308 * 10 - 1e308 * 10) | int }}", "{{ 1e308 | int }}",
        "{{ 1.5 // 0 }}", "{{ 1 % 0.0 }}", "{{ 1 / 0 }}", "{{ 1 | round(10**12) }}", "{{ 3.7 | round(-400) }}",
        "{{ 'a'[::0] }}", "{{ [1, 2][9223372036854775807] }}", "{{ [1, 2][::-9223372036854775807 - 1] }}",
        "{{ (1, 2)[-9223372036854775807 - 1:] }}", "{{ 'abc'[5:-9223372036854775807] }}",
        "{{ range(0, 10, 0) }}", "{{ range(-9223372036854775807, 9223372036854775807) | length }}",
        "{{ range(9223372036854775806, 9223372036854775807, 9223372036854775807) | list }}",
        "{{ range(5, -9223372036854775807 - 1, -9223372036854775807 - 1) | list }}", "{{ [1] * -1 }}",
        "{{ [1] | batch(0) | list }}", "{{ [1] | batch(-1) | list }}", "{{ [1] | batch(10**12, 0) | list }}",
        "{{ [1] | slice(0) | list }}", "{{ [1] | slice(-1) | list }}", "{{ [1] | slice(10**12) | list }}",
        "{{ 'a' | truncate(-5) }}", "{{ 'abc' | truncate(-9223372036854775807 - 1, leeway=-1) }}",
        "{{ [9223372036854775807, 1] | sum }}", "{{ 9223372036854775807 | filesizeformat }}",
        "{{ 'a'.split('a', 9223372036854775807) }}", "{{ 'aXa'.replace('X', 'y', -9223372036854775807 - 1) }}",
        "{{ 'abc'.find('c', -9223372036854775807 - 1, 9223372036854775807) }}", "{{ 'abc'.startswith('a', 10**15) }}",
        "{{ 123456789012345678901234567890 }}", "{{ 1_000_000_000_000_000_000_000 }}", "{{ 1e999 }}",
        "{{ '\\U00110000' }}", "{{ '\\x' }}", "{{ [[1]] | map(attribute='0.' * 100000) | list }}",
    ])
    func `hostile expressions end in text of bounded size or in an error`(source: String) {
        do {
            #expect(try render(source).utf8.count <= 1 << 20)
        } catch {
            #expect(error is ChatTemplateError, "\(error)")
        }
    }

    @Test func `a namespace may hold itself`() throws {
        #expect(try render("{% set ns = namespace() %}{% set ns.self = ns %}{{ ns.self == ns }}") == "True")
    }
}
