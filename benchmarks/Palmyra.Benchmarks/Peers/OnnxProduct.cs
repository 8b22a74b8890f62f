using Microsoft.ML.OnnxRuntime;

namespace Palmyra.Benchmarks.Peers;

/// <summary>A product in ONNX Runtime: opened with every optimisation, weights laid out once, inputs and outputs bound to arrays.</summary>
internal sealed class OnnxProduct : IDisposable
{
    private static readonly string[] InputNames = ["x"];
    private static readonly string[] OutputNames = ["y"];

    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly OrtValue[] _inputs;
    private readonly OrtValue[] _outputs;

    /// <summary>Opens the model.</summary>
    /// <param name="model">See <see cref="OnnxModel"/>.</param>
    /// <param name="shape">The matrix.</param>
    /// <param name="threads">Threads it may use.</param>
    /// <param name="x">[rows, inputs].</param>
    public OnnxProduct(byte[] model, NamedShape shape, int threads, float[] x)
    {
        using var options = new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
        };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "1");
        _session = new InferenceSession(model, options);
        long rows = x.Length / shape.Inputs;
        Y = new float[rows * shape.Outputs];
        _inputs = [OrtValue.CreateTensorValueFromMemory(x, [rows, shape.Inputs])];
        _outputs = [OrtValue.CreateTensorValueFromMemory(Y, [rows, shape.Outputs])];
    }

    /// <summary>[rows, outputs] of the last <see cref="Run"/>.</summary>
    public float[] Y { get; }

    /// <summary>Computes y.</summary>
    public void Run() => _session.Run(_options, InputNames, _inputs, OutputNames, _outputs);

    /// <summary>Closes the session.</summary>
    public void Dispose()
    {
        _inputs[0].Dispose();
        _outputs[0].Dispose();
        _options.Dispose();
        _session.Dispose();
    }
}
