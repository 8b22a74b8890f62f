using System.Globalization;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Checking;

/// <summary>One instruction against the forms of its name.</summary>
internal sealed class InstructionChecker(string kernel, PtxModule module, InstructionStatement statement, DeclaredNames names)
{
    private const int MostVectorBytes = 16;

    private readonly string[] _types = [.. statement.Opcode.Skip(1).Where(OperandTypes.IsType)];

    /// <summary>Checks it.</summary>
    /// <exception cref="PtxFailure">No form of the manual fits.</exception>
    public void Check()
    {
        if (statement.Guard is { } guard && names.Register(guard.Name) is not { Kind: ValueKind.Predicate })
        {
            throw Refused($"{guard.Name} is not a predicate");
        }

        switch (statement.Opcode[0])
        {
            case "mov":
                Move();
                return;
            case "call":
                if (statement.Opcode is not (["call"] or ["call", "uni"]))
                {
                    throw Refused("a call may only be .uni");
                }

                return;
        }

        InstructionForm[] forms = [.. InstructionForms.Of(statement.Opcode[0]).Where(form => form.Matches(statement.Opcode))];
        if (forms.Length == 0)
        {
            string[] known = [.. InstructionForms.Of(statement.Opcode[0]).Select(form => form.Syntax)];
            throw Refused(known.Length == 0 ? $"{statement.Opcode[0]} has no form in the checker's tables"
                : $"it is none of the manual's forms: {string.Join("; ", known)}");
        }

        PtxFailure? first = null;
        foreach (InstructionForm form in forms)
        {
            try
            {
                Check(form);
                return;
            }
            catch (PtxFailure failure)
            {
                first ??= failure;
            }
        }

        throw first!;
    }

    private void Check(InstructionForm form)
    {
        if (module.Version < form.Version || module.Target < form.Target)
        {
            throw Refused($"it needs PTX {form.Version / 10}.{form.Version % 10} and sm_{form.Target}; "
                + $"found {module.Version / 10}.{module.Version % 10} and sm_{module.Target}");
        }

        int least = form.Operands.Count(rule => !rule.Optional);
        if (statement.Operands.Count < least || statement.Operands.Count > form.Operands.Count)
        {
            throw Refused($"{statement.Operands.Count} operands are given; {form.Syntax} is expected");
        }

        for (int i = 0; i < statement.Operands.Count; i++)
        {
            Check(form.Operands[i], statement.Operands[i]);
        }
    }

    private void Check(OperandRule rule, Operand operand)
    {
        switch (rule.Kind)
        {
            case OperandRuleKind.Label:
                Require(operand.Kind == OperandKind.Name && names.Register(operand.Name) is null, "a label is expected");
                break;
            case OperandRuleKind.Immediate:
                Require(operand is { Kind: OperandKind.Number, FloatBits: 0 }, "a number is expected");
                Require(rule.Values?.Contains(operand.Value) ?? operand.Value >= 0, $"{operand.Value} is not allowed here");
                break;
            case OperandRuleKind.Address:
                Address(operand, rule.Space.Length > 0 ? rule.Space : Space);
                break;
            default:
                Values(rule, operand);
                break;
        }
    }

    private void Values(OperandRule rule, Operand operand)
    {
        string type = rule.Type.Length == 1 && char.IsAsciiDigit(rule.Type[0]) ? _types[rule.Type[0] - '1'] : rule.Type;
        type = rule.Twice ? OperandTypes.Twice(type) : type;
        int count = rule.Count switch
        {
            "" => 1,
            "v" => Counted('v'),
            "x" => Counted('x'),
            _ => int.Parse(rule.Count, CultureInfo.InvariantCulture),
        };
        if (rule.Count.Length == 0 || (rule.Count == "v" && count == 1))
        {
            One(rule, type, operand);
            return;
        }

        Require(operand.Kind == OperandKind.List && operand.Parts.Count == count, $"{count} registers in braces are expected");
        Require(rule.Count != "v" || count * OperandTypes.Bytes(type) <= MostVectorBytes, $"a vector has at most {MostVectorBytes} bytes");
        foreach (Operand part in operand.Parts)
        {
            One(rule, type, part);
        }
    }

    // "2" of "v2"; 1 where the opcode has none.
    private int Counted(char letter) =>
        statement.Opcode.FirstOrDefault(part => part.Length == 2 && part[0] == letter && char.IsAsciiDigit(part[1])) is { } found ? found[1] - '0' : 1;

    private void One(OperandRule rule, string type, Operand operand)
    {
        if (operand.Kind == OperandKind.Pair)
        {
            Require(rule.Pair, "one result is expected");
            One(rule, type, operand.Parts[0]);
            Require(
                operand.Parts[1] is { Kind: OperandKind.Name, Name: "_" } || names.Register(operand.Parts[1].Name) is { Kind: ValueKind.Predicate },
                $"{operand.Parts[1].Name} is not a predicate");
            return;
        }

        Require(!operand.Negated || rule.Negatable, "'!' has no place here");
        if (operand is { Kind: OperandKind.Name, Name: "_" })
        {
            Require(rule.Sink, "'_' has no place here");
            return;
        }

        if (operand.Kind is OperandKind.Number or OperandKind.Decimal || operand is { Kind: OperandKind.Name, Name: "WARP_SZ" })
        {
            Require(!rule.RegisterOnly, "a register is expected, not a number");
            Constant(operand, type);
            return;
        }

        Require(operand.Kind == OperandKind.Name, "a register is expected");
        if (names.Register(operand.Name) is not PtxType register)
        {
            // PTX manual 10: special registers are read by mov and cvt. cvta takes a variable's name.
            bool special = SpecialRegisters.Find(operand.Name) is not null && statement.Opcode[0] == "cvt" && !rule.Destination && type is "u32" or "s32";
            bool variable = statement.Opcode[0] == "cvta" && names.Variable(operand.Name) is not null && !rule.Destination;
            Require(special || variable, $"{operand.Name} is not a register; only mov reads special registers and addresses of variables");
            return;
        }

        Require(OperandTypes.Agree(type, register, rule.Wide), $"{operand.Name} is declared {Describe(register)}, which does not agree with {type}");
    }

    private void Constant(Operand operand, string type)
    {
        if (operand.Kind == OperandKind.Decimal)
        {
            Require(type is "f32" or "f64", $"a floating-point number does not agree with {type}");
        }
        else if (operand.FloatBits != 0)
        {
            Require(OperandTypes.TakesFloats(type, operand.FloatBits), $"a float of {operand.FloatBits} bits does not agree with {type}");
        }
        else if (type != "pred")
        {
            int bits = 8 * OperandTypes.Bytes(type);
            Require(OperandTypes.TakesIntegers(type), $"an integer does not agree with {type}");
            Require(
                bits == 64 || (operand.Value >= -(1L << (bits - 1)) && operand.Value < 1L << bits), $"{operand.Value} does not fit into {type}");
        }
    }

    // PTX manual 6.4.1: [variable+number], [register+number], [number].
    private void Address(Operand operand, string space)
    {
        Require(operand.Kind == OperandKind.Address, "an address in brackets is expected");
        Require(operand.Value is >= int.MinValue and <= uint.MaxValue, "an offset has 32 bits");
        if (operand.Name.Length == 0)
        {
            return;
        }

        if (names.Variable(operand.Name) is { } variable)
        {
            Require(variable.Space == space, $"{operand.Name} lies in {variable.Space} memory, not in {(space.Length == 0 ? "generic" : space)}");
            int bytes = AccessBytes;
            Require(
                variable.Alignment % bytes == 0 && operand.Value % bytes == 0,
                $"{operand.Name} is aligned to {variable.Alignment} bytes, and {bytes} are needed at {operand.Value}");
            return;
        }

        PtxType? register = names.Register(operand.Name);
        bool whole = register is { Kind: ValueKind.Bits or ValueKind.Unsigned or ValueKind.Signed };
        Require(
            whole && (register?.Bytes == 8 || (register?.Bytes == 4 && space is "shared" or "local")),
            $"{operand.Name} cannot be an address in {(space.Length == 0 ? "generic" : space)} memory");
    }

    private string Space => statement.Opcode.FirstOrDefault(part => part is "global" or "shared" or "shared::cta" or "local" or "param" or "const")?
        .Replace("::cta", string.Empty, StringComparison.Ordinal) ?? string.Empty;

    private int AccessBytes => statement.Opcode[0] switch
    {
        "cp" => (int)statement.Operands[2].Value,
        "ldmatrix" or "stmatrix" => 16,
        _ when _types.Length > 0 => Counted('v') * OperandTypes.Bytes(_types[^1]),
        _ => 1,
    };

    // mov.type d, a; mov.type d, special; mov.type d, variable; mov.b32 d, {a, b}; mov.b32 {a, b}, d.
    private void Move()
    {
        Require(
            statement.Opcode is ["mov", "pred" or "b16" or "b32" or "b64" or "u16" or "u32" or "u64" or "s16" or "s32" or "s64" or "f32" or "f64"]
                && statement.Operands.Count == 2,
            "mov of one type and two operands is expected");
        (string type, Operand target, Operand source) = (_types[0], statement.Operands[0], statement.Operands[1]);
        Part(target, "=");
        if (source.Kind == OperandKind.Name && names.Register(source.Name) is null)
        {
            bool special = SpecialRegisters.Find(source.Name) is not null && type is "b32" or "u32" or "s32";
            bool address = names.Variable(source.Name) is { Space: "shared" or "local" or "global" or "const" } && type is "b32" or "u32" or "b64" or "u64";
            Require(special || address, $"{source.Name} is neither a register nor something whose address or value mov.{type} takes");
            return;
        }

        Part(source, string.Empty);

        void Part(Operand operand, string writes)
        {
            if (operand.Kind != OperandKind.List)
            {
                One(OperandRule.Parse(writes + "1"), type, operand);
                return;
            }

            int bits = 8 * OperandTypes.Bytes(type) / Math.Max(operand.Parts.Count, 1);
            Require(type[0] == 'b' && operand.Parts.Count is 2 or 4 && bits >= 8, $"mov.{type} takes no {operand.Parts.Count} parts");
            foreach (Operand part in operand.Parts)
            {
                One(OperandRule.Parse(writes.Length > 0 ? "=_1" : "1r"), $"b{bits}", part);
            }

            // The manual does not say so, but NVIDIA's assembler refuses a float beside an integer here.
            ValueKind?[] kinds = [.. operand.Parts.Select(part => names.Register(part.Name)?.Kind)];
            Require(
                !kinds.Contains(ValueKind.Float) || !(kinds.Contains(ValueKind.Unsigned) || kinds.Contains(ValueKind.Signed)),
                "floats and integers do not go together");
        }
    }

    private void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw Refused(otherwise);
        }
    }

    private static string Describe(PtxType type) => type.Kind == ValueKind.Predicate ? "pred"
        : $"{char.ToLowerInvariant(type.Kind.ToString()[0])}{8 * type.Bytes}";

    private PtxFailure Refused(string reason) => new(kernel, statement.Line, statement.Text, reason);
}
