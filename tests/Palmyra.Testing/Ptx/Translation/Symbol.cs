using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;

namespace Palmyra.Testing.Ptx.Translation;

/// <summary>What a name stands for.</summary>
internal abstract record Symbol;

/// <summary>A register: its row among the warp's registers, or its number among the predicates.</summary>
internal sealed record RegisterSymbol(PtxType Type, int Row) : Symbol;

/// <summary>A variable: its offset in its space.</summary>
internal sealed record VariableSymbol(Space Space, int Offset, int Bytes) : Symbol;
