using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;

namespace Palmyra.Testing.Ptx.Translation;

/// <summary>One instruction on its way from text to an <see cref="Instruction"/>: its parts, and the rows its operands name.</summary>
internal sealed class Decoder(string kernel, InstructionStatement statement, Scope scope, RegisterFile registers)
{
    /// <summary>"ld" of "ld.global.f32".</summary>
    public string Opcode => statement.Opcode[0];

    /// <summary>All parts between the dots.</summary>
    public IReadOnlyList<string> Parts => statement.Opcode;

    public IReadOnlyList<Operand> Operands => statement.Operands;

    /// <summary>The last type the opcode names.</summary>
    public PtxType Type => TypeFromEnd(0);

    /// <summary>Whether the opcode has this part.</summary>
    public bool Has(string part) => statement.Opcode.Contains(part);

    /// <summary>The opcode's types from the end: 0 is the last.</summary>
    public PtxType TypeFromEnd(int index)
    {
        for (int i = statement.Opcode.Count - 1; i > 0; i--)
        {
            if (PtxType.TryParse(statement.Opcode[i], out PtxType type) && index-- == 0)
            {
                return type;
            }
        }

        throw Failure("a type is missing");
    }

    /// <summary>How many types the opcode names.</summary>
    public int Types => statement.Opcode.Skip(1).Count(part => PtxType.TryParse(part, out _));

    /// <summary>Refuses parts of the opcode that the translation does not know; types and the given ones are known.</summary>
    public void Allow(params ReadOnlySpan<string> parts)
    {
        for (int i = 1; i < statement.Opcode.Count; i++)
        {
            if (!parts.Contains(statement.Opcode[i]) && !PtxType.TryParse(statement.Opcode[i], out _))
            {
                throw Failure($"\".{statement.Opcode[i]}\" is not known here");
            }
        }
    }

    /// <summary>Refuses another number of operands.</summary>
    public void Expect(int least, int most)
    {
        if (Operands.Count < least || Operands.Count > most)
        {
            throw Failure($"{Operands.Count} operands are too {(Operands.Count < least ? "few" : "many")}");
        }
    }

    public Operand Operand(int index) =>
        index < Operands.Count ? Operands[index] : throw Failure($"operand {index + 1} is missing");

    /// <summary>The row an instruction writes, of exactly <paramref name="bytes"/>.</summary>
    public int Target(int index, int bytes) => Target(Operand(index), bytes);

    /// <summary>The row an instruction writes; "_" drops the result.</summary>
    public int Target(Operand operand, int bytes)
    {
        if (operand is { Kind: OperandKind.Name, Name: "_" })
        {
            return registers.Register("_", new PtxType(ValueKind.Bits, bytes)).Row;
        }

        RegisterSymbol register = Register(operand);
        return register.Type.Bytes == Math.Max(bytes, 2) ? register.Row : throw WrongSize(operand, register, bytes);
    }

    /// <summary>A register that ld, st or cvt uses: at least as wide as the type (PTX manual, "Operand Size Exceeding Instruction-Type Size").</summary>
    public (int Row, int Bytes) Wide(Operand operand, PtxType type)
    {
        if (operand.Kind != OperandKind.Name || scope.Find(operand.Name) is not RegisterSymbol)
        {
            return (Source(operand, type), Math.Max(type.Bytes, 2));
        }

        RegisterSymbol register = Register(operand);
        return register.Type.Bytes >= type.Bytes ? (register.Row, register.Type.Bytes) : throw WrongSize(operand, register, type.Bytes);
    }

    /// <summary>The row an instruction reads: a register of exactly the type's size, a number, a variable's address or a special register.</summary>
    public int Source(int index, PtxType type) => Source(Operand(index), type);

    /// <summary>The row an instruction reads.</summary>
    public int Source(Operand operand, PtxType type)
    {
        int bytes = Math.Max(type.Bytes, 2);
        switch (operand.Kind)
        {
            case OperandKind.Number:
                return registers.Constant(bytes, (ulong)operand.Value);
            case OperandKind.Decimal:
                return registers.Constant(bytes, Bits(BitConverter.Int64BitsToDouble(operand.Value), type));
            case OperandKind.Name:
                switch (scope.Find(operand.Name))
                {
                    case RegisterSymbol register when register.Type.Kind != ValueKind.Predicate:
                        return register.Type.Bytes == bytes ? register.Row : throw WrongSize(operand, register, bytes);
                    case VariableSymbol variable:
                        return registers.Constant(bytes, (ulong)variable.Offset);
                }

                if (SpecialRegisters.Find(operand.Name) is not null)
                {
                    return bytes == 4 ? registers.Special(operand.Name) : throw Failure($"{operand.Name} has 4 bytes, not {bytes}");
                }

                throw Failure($"{operand.Name} is not declared");
            default:
                throw Failure("a register or a number is expected");
        }
    }

    /// <summary>A list's operands; a single operand is a list of one.</summary>
    public IReadOnlyList<Operand> List(int index) =>
        Operand(index) is { Kind: OperandKind.List } list ? list.Parts : [Operand(index)];

    /// <summary>The rows of a list that is written.</summary>
    public int[] Targets(int index, int bytes, int count) => [.. Counted(index, count).Select(one => Target(one, bytes))];

    /// <summary>The rows of a list that is read.</summary>
    public int[] Sources(int index, PtxType type, int count) => [.. Counted(index, count).Select(one => Source(one, type))];

    /// <summary>A predicate that is read: a register, its opposite, or a number.</summary>
    public Guard Condition(Operand operand) => operand.Kind == OperandKind.Number
        ? new Guard(-1, Negated: operand.Value == 0)
        : new Guard(Predicate(operand), operand.Negated);

    /// <summary>A predicate that is written.</summary>
    public int Predicate(Operand operand)
    {
        if (operand is { Kind: OperandKind.Name, Name: "_" })
        {
            return registers.Register("_", PtxType.Predicate).Row;
        }

        RegisterSymbol register = Register(operand);
        return register.Type.Kind == ValueKind.Predicate ? register.Row : throw Failure($"{operand.Name} is not a predicate");
    }

    /// <summary>Whether an operand names a predicate register.</summary>
    public bool IsPredicate(Operand operand) =>
        operand.Kind == OperandKind.Name && scope.Find(operand.Name) is RegisterSymbol { Type.Kind: ValueKind.Predicate };

    /// <summary>A number that must be known when the kernel is compiled.</summary>
    public int Constant(int index) =>
        Operand(index) is { Kind: OperandKind.Number } number ? (int)number.Value : throw Failure($"operand {index + 1} must be a number");

    public Address Address(int index)
    {
        Operand operand = Operand(index);
        if (operand.Kind != OperandKind.Address)
        {
            throw Failure("an address in brackets is expected");
        }

        return operand.Name.Length == 0 ? new Address(-1, 8, operand.Value, null) : scope.Find(operand.Name) switch
        {
            VariableSymbol variable => new Address(-1, 8, variable.Offset + operand.Value, variable.Space),
            RegisterSymbol { Type.Bytes: 4 or 8 } register => new Address(register.Row, register.Type.Bytes, operand.Value, null),
            null => throw Failure($"{operand.Name} is not declared"),
            _ => throw Failure($"{operand.Name} cannot be an address"),
        };
    }

    public PtxFailure Failure(string reason) => new(kernel, statement.Line, statement.Text, reason);

    private IReadOnlyList<Operand> Counted(int index, int count)
    {
        IReadOnlyList<Operand> list = List(index);
        return list.Count == count ? list : throw Failure($"operand {index + 1} must have {count} registers, not {list.Count}");
    }

    private RegisterSymbol Register(Operand operand) => operand.Kind != OperandKind.Name
        ? throw Failure("a register is expected")
        : scope.Find(operand.Name) switch
        {
            RegisterSymbol register => register,
            null => throw Failure($"{operand.Name} is not declared"),
            _ => throw Failure($"{operand.Name} is not a register"),
        };

    private PtxFailure WrongSize(Operand operand, RegisterSymbol register, int bytes) =>
        Failure($"{operand.Name} has {register.Type.Bytes} bytes where {bytes} are needed");

    private static ulong Bits(double value, PtxType type) => type.Bytes switch
    {
        2 => BitConverter.HalfToUInt16Bits((Half)value),
        4 => BitConverter.SingleToUInt32Bits((float)value),
        _ => BitConverter.DoubleToUInt64Bits(value),
    };
}
