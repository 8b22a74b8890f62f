using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>Translates ldmatrix, stmatrix and mma (PTX manual, "Warp Level Matrix Multiply-Accumulate Instructions").</summary>
internal static class TensorCores
{
    public static Instruction Translate(Decoder d) => d.Opcode == "mma" ? Multiply(d) : Matrices(d);

    private static MoveMatrices Matrices(Decoder d)
    {
        d.Allow("sync", "aligned", "m8n8", "x1", "x2", "x4", "trans", "shared", "shared::cta");
        int count = d.Has("x4") ? 4 : d.Has("x2") ? 2 : d.Has("x1") ? 1 : throw d.Failure("the number of matrices is missing");
        bool load = d.Opcode == "ldmatrix";
        int[] rows = load ? d.Targets(0, 4, count) : d.Sources(1, PtxType.B32, count);
        return new MoveMatrices(load, d.Address(load ? 1 : 0), rows, d.Has("trans"));
    }

    private static MatrixMultiply Multiply(Decoder d)
    {
        string shape = d.Parts[3];
        d.Allow("sync", "aligned", shape, "row", "col");
        PtxType result = d.TypeFromEnd(3);
        PtxType left = d.TypeFromEnd(2);
        PtxType right = d.TypeFromEnd(1);
        int inner = (shape, left.Bytes) switch
        {
            ("m16n8k8", 2) => 8,
            ("m16n8k16", 2) => 16,
            ("m16n8k4", 4) => 4,
            ("m16n8k8", 4) => 8,
            ("m16n8k16", 1) => 16,
            ("m16n8k32", 1) => 32,
            _ => throw d.Failure("this shape is not known here"),
        };
        bool known = result == d.TypeFromEnd(0) && left.Bytes == right.Bytes && d.Has("row") && d.Has("col") && (result, left.Kind) switch
        {
            ({ Kind: ValueKind.Float, Bytes: 4 }, ValueKind.Float or ValueKind.Brain) => left == right,
            ({ Kind: ValueKind.Float, Bytes: 2 }, ValueKind.Float) => left == right && left.Bytes == 2,
            ({ Kind: ValueKind.Signed, Bytes: 4 }, ValueKind.Signed or ValueKind.Unsigned) => true,
            _ => false,
        };
        if (!known)
        {
            throw d.Failure("this combination of types is not known here");
        }

        // A register holds 32 bits of a lane's share of the matrix; results of f16 come in pairs.
        int perRegister = 4 / left.Bytes;
        int leftCount = 16 * inner / 32 / perRegister;
        int rightCount = 8 * inner / 32 / perRegister;
        int resultCount = result.Bytes == 2 ? 2 : 4;
        return new MatrixMultiply(
            inner, result, left, right, d.Targets(0, 4, resultCount),
            d.Sources(1, PtxType.B32, leftCount), d.Sources(2, PtxType.B32, rightCount), d.Sources(3, PtxType.B32, resultCount));
    }
}
