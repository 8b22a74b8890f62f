using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;

namespace Palmyra.Testing.Ptx.Translation;

/// <summary>Gives registers, constants and special registers their rows.</summary>
internal sealed class RegisterFile
{
    private readonly Dictionary<(int Bytes, ulong Value), int> _constants = [];
    private readonly Dictionary<string, int> _specials = [];
    private readonly Dictionary<int, string> _names = [];
    private readonly List<string> _predicates = [];

    /// <summary>Bytes of all rows.</summary>
    public int Bytes { get; private set; }

    public IReadOnlyDictionary<int, string> Names => _names;

    public IReadOnlyList<string> PredicateNames => _predicates;

    public IReadOnlyList<(int Row, int Bytes, ulong Value)> Constants =>
        [.. _constants.Select(one => (one.Value, one.Key.Bytes, one.Key.Value))];

    public IReadOnlyList<(int Row, Func<Warp, int, uint> Value)> Specials =>
        [.. _specials.Select(one => (one.Value, SpecialRegisters.Find(one.Key)!))];

    /// <summary>A new register.</summary>
    public RegisterSymbol Register(string name, PtxType type)
    {
        if (type.Kind == ValueKind.Predicate)
        {
            _predicates.Add(name);
            return new RegisterSymbol(type, _predicates.Count - 1);
        }

        int row = Row(type.Bytes);
        _names.Add(row, name);
        return new RegisterSymbol(type, row);
    }

    /// <summary>The row that holds a number in every lane.</summary>
    public int Constant(int bytes, ulong value)
    {
        value = bytes == 8 ? value : value & ((1UL << (8 * bytes)) - 1);
        if (!_constants.TryGetValue((bytes, value), out int row))
        {
            row = Row(bytes);
            _constants.Add((bytes, value), row);
        }

        return row;
    }

    /// <summary>The row that holds a special register.</summary>
    public int Special(string name)
    {
        if (!_specials.TryGetValue(name, out int row))
        {
            row = Row(4);
            _specials.Add(name, row);
        }

        return row;
    }

    // 8-bit numbers live in registers of 16 bits.
    private int Row(int bytes)
    {
        int row = Bytes;
        Bytes += 32 * Math.Max(bytes, 2);
        return row;
    }
}
