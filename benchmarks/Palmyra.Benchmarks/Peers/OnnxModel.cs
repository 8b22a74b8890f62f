using System.Runtime.InteropServices;

namespace Palmyra.Benchmarks.Peers;

/// <summary>ONNX files of one product with constant weights, y = x·wᵀ, which ONNX Runtime lays out for its kernels when it opens them.</summary>
/// <remarks>Field numbers are those of onnx.proto (ONNX 1.x, IR version 8).</remarks>
internal static class OnnxModel
{
    private const int IrVersion = 8;
    private const int Opset = 17;
    private const int Float = 1;
    private const int UInt8 = 2;
    private const int Int = 2;
    private const string Contributed = "com.microsoft";

    /// <summary>MatMul with 32-bit floats.</summary>
    /// <param name="shape">The matrix.</param>
    /// <param name="rows">Rows of x.</param>
    /// <param name="weights">[outputs, inputs].</param>
    public static byte[] Floats(NamedShape shape, int rows, float[] weights)
    {
        // MatMul wants [inputs, outputs]; turned in blocks that stay in cache.
        const int Block = 64;
        var turned = new float[weights.Length];
        for (int n = 0; n < shape.Outputs; n += Block)
        {
            for (int k = 0; k < shape.Inputs; k += Block)
            {
                for (int i = n; i < Math.Min(n + Block, shape.Outputs); i++)
                {
                    for (int j = k; j < Math.Min(k + Block, shape.Inputs); j++)
                    {
                        turned[(j * shape.Outputs) + i] = weights[(i * shape.Inputs) + j];
                    }
                }
            }
        }

        var node = new ProtobufWriter().Text(1, "x").Text(1, "w").Text(2, "y").Text(4, "MatMul");
        return Model(shape, rows, node, [Tensor("w", Float, MemoryMarshal.AsBytes<float>(turned).ToArray(), shape.Inputs, shape.Outputs)]);
    }

    /// <summary>MatMulNBits: integers in blocks with a scale each, and inputs that it quantises to 8 bits itself (accuracy level 4).</summary>
    /// <param name="rows">Rows of x.</param>
    /// <param name="weights">Integers and scales.</param>
    public static byte[] Integers(int rows, GroupedWeights weights)
    {
        const int AccuracyOfInt8 = 4;
        NamedShape shape = weights.Shape;
        int groups = shape.Inputs / GroupedWeights.GroupSize;
        var node = new ProtobufWriter().Text(1, "x").Text(1, "w").Text(1, "scales").Text(2, "y").Text(4, "MatMulNBits")
            .Message(5, Attribute("K", shape.Inputs))
            .Message(5, Attribute("N", shape.Outputs))
            .Message(5, Attribute("bits", weights.Bits))
            .Message(5, Attribute("block_size", GroupedWeights.GroupSize))
            .Message(5, Attribute("accuracy_level", AccuracyOfInt8))
            .Text(7, Contributed);
        return Model(shape, rows, node,
        [
            Tensor("w", UInt8, weights.Packed(), shape.Outputs, groups, GroupedWeights.GroupSize * weights.Bits / 8),
            Tensor("scales", Float, MemoryMarshal.AsBytes<float>(weights.Scales).ToArray(), (long)shape.Outputs * groups),
        ]);
    }

    private static byte[] Model(NamedShape shape, int rows, ProtobufWriter node, ProtobufWriter[] constants)
    {
        var graph = new ProtobufWriter().Message(1, node).Text(2, shape.Name);
        foreach (ProtobufWriter constant in constants)
        {
            graph.Message(5, constant);
        }

        graph.Message(11, Value("x", rows, shape.Inputs)).Message(12, Value("y", rows, shape.Outputs));
        return new ProtobufWriter()
            .Number(1, IrVersion)
            .Message(8, new ProtobufWriter().Text(1, "").Number(2, Opset))
            .Message(8, new ProtobufWriter().Text(1, Contributed).Number(2, 1))
            .Message(7, graph)
            .ToArray();
    }

    private static ProtobufWriter Tensor(string name, int type, byte[] values, params ReadOnlySpan<long> dimensions)
    {
        var tensor = new ProtobufWriter();
        foreach (long dimension in dimensions)
        {
            tensor.Number(1, dimension);
        }

        return tensor.Number(2, type).Text(8, name).Bytes(9, values);
    }

    private static ProtobufWriter Attribute(string name, long value) => new ProtobufWriter().Text(1, name).Number(3, value).Number(20, Int);

    private static ProtobufWriter Value(string name, int rows, int cols)
    {
        var shape = new ProtobufWriter()
            .Message(1, new ProtobufWriter().Number(1, rows))
            .Message(1, new ProtobufWriter().Number(1, cols));
        var tensor = new ProtobufWriter().Number(1, Float).Message(2, shape);
        return new ProtobufWriter().Text(1, name).Message(2, new ProtobufWriter().Message(1, tensor));
    }
}
