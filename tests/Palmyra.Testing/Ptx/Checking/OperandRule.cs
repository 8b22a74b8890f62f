using System.Globalization;

namespace Palmyra.Testing.Ptx.Checking;

/// <summary>What an instruction's syntax allows for one operand. How it is written: <see cref="InstructionForm"/>.</summary>
internal sealed class OperandRule
{
    /// <summary>What kind of thing is expected.</summary>
    public OperandRuleKind Kind { get; private init; }

    /// <summary>A type's name, "1" or "2" for the opcode's own types; empty for labels and immediates.</summary>
    public string Type { get; private init; } = string.Empty;

    /// <summary>Whether the type is twice the opcode's.</summary>
    public bool Twice { get; private init; }

    /// <summary>Whether it is written.</summary>
    public bool Destination { get; private init; }

    /// <summary>Whether "_" may drop the result.</summary>
    public bool Sink { get; private init; }

    /// <summary>Whether the register may be wider than the type.</summary>
    public bool Wide { get; private init; }

    /// <summary>Whether a constant will not do.</summary>
    public bool RegisterOnly { get; private init; }

    /// <summary>Whether '!' may stand before it.</summary>
    public bool Negatable { get; private init; }

    /// <summary>Whether a predicate may follow after '|'.</summary>
    public bool Pair { get; private init; }

    /// <summary>Whether it may be left out.</summary>
    public bool Optional { get; private init; }

    /// <summary>"4" registers in braces, or "v" or "x" for what the opcode says; empty for one without braces.</summary>
    public string Count { get; private init; } = string.Empty;

    /// <summary>The space of an address; empty for the opcode's own.</summary>
    public string Space { get; private init; } = string.Empty;

    /// <summary>The numbers an immediate may be; null for any.</summary>
    public IReadOnlySet<long>? Values { get; private init; }

    /// <summary>Reads a rule.</summary>
    public static OperandRule Parse(string text)
    {
        bool optional = text.EndsWith('?');
        text = text.TrimEnd('?');
        if (text == "label")
        {
            return new OperandRule { Kind = OperandRuleKind.Label };
        }

        if (text.StartsWith('['))
        {
            return new OperandRule { Kind = OperandRuleKind.Address, Space = text[1..^1] };
        }

        if (text.StartsWith('#'))
        {
            return new OperandRule { Kind = OperandRuleKind.Immediate, Values = Numbers(text[1..]), Optional = optional };
        }

        bool destination = Take(ref text, '=');
        string count = text.Split('*') is [string times, _] ? times : string.Empty;
        text = text.Split('*')[^1];
        bool sink = Take(ref text, '_');
        bool wide = Take(ref text, '~');
        bool negatable = Take(ref text, '!');
        bool twice = Take(ref text, '>');
        bool pair = text.EndsWith("|p", StringComparison.Ordinal);
        text = pair ? text[..^2] : text;
        bool only = text.EndsWith('r');
        string type = text.TrimEnd('r');
        return new OperandRule
        {
            Kind = OperandRuleKind.Value,
            Type = type == "p" ? "pred" : type,
            Twice = twice,
            Destination = destination,
            Sink = sink,
            Wide = wide,
            Negatable = negatable,
            Pair = pair,
            RegisterOnly = only || destination,
            Optional = optional,
            Count = count,
        };
    }

    private static bool Take(ref string text, char sign)
    {
        bool there = text.StartsWith(sign);
        text = there ? text[1..] : text;
        return there;
    }

    // "0..15" or "4|8|16"; nothing for any.
    private static HashSet<long>? Numbers(string text)
    {
        if (text.Length == 0)
        {
            return null;
        }

        if (text.Split("..") is [string first, string last])
        {
            int least = int.Parse(first, CultureInfo.InvariantCulture);
            return [.. Enumerable.Range(least, int.Parse(last, CultureInfo.InvariantCulture) - least + 1)];
        }

        return [.. text.Split('|').Select(one => long.Parse(one, CultureInfo.InvariantCulture))];
    }
}
