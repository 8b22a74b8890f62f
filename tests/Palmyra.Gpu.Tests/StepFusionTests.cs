using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Testing;

namespace Palmyra.Gpu.Tests;

/// <summary>What comes between the operations of a step: whatever it is, memory is what separate launches leave, and what must not be one is not.</summary>
public sealed class StepFusionTests
{
    private static readonly Dictionary<string, (int Launches, Action<Stand> Run)> Orders = new()
    {
        ["norm, product"] = (1, stand => { stand.Norm(); stand.Project(); }),
        ["norm, product, turning"] = (1, stand => { stand.Norm(); stand.Project(); stand.Turn(); }),
        ["norm, product, turning, storing"] = (1, stand => { stand.Norm(); stand.Project(); stand.Turn(); stand.Store(); }),
        ["norm, product, storing"] = (1, stand => { stand.Norm(); stand.Project(); stand.Store(); }),
        ["product, storing"] = (1, stand => { stand.Project(); stand.Store(); }),
        ["product"] = (1, stand => stand.Project()),
        ["norm"] = (1, stand => stand.Norm()),
        ["two norms"] = (2, stand => { stand.Norm(); stand.Norm(); stand.Project(); }),
        ["a norm that two products read"] = (2, stand => { stand.Norm(); stand.Project(); stand.Store(); stand.Square(stand.Other, stand.Normed); }),
        ["a product of another tensor first"] = (3, stand => { stand.Norm(); stand.Square(stand.Other, stand.X); stand.Project(); }),
        ["a product of another tensor that writes the norm's input"] = (3, stand => { stand.Norm(); stand.Square(stand.X, stand.Other); stand.Project(); }),
        ["a product that writes the norm's input"] = (2, stand => { stand.Norm(); stand.Square(stand.X, stand.Normed); }),
        ["a product that adds the norm's input in place"] = (2, stand => { stand.Norm(); stand.Square(stand.X, stand.Normed, residual: stand.X); }),
        ["a product that adds the norm's input"] = (1, stand => { stand.Norm(); stand.Square(stand.Other, stand.Normed, residual: stand.X); }),
        ["a product that adds the norm's output"] = (2, stand => { stand.Norm(); stand.Square(stand.Other, stand.Normed, residual: stand.Normed); }),
        ["a product whose bias is the norm's output"] = (2, stand =>
        {
            stand.SetRows(1);
            stand.Norm();
            stand.Square(stand.Other, stand.Normed, bias: stand.Normed);
        }),
        ["a product that writes the norm's gain"] = (2, stand =>
        {
            stand.SetRows(1);
            stand.Norm();
            stand.Square(stand.Gain, stand.Normed);
        }),
        ["a norm in place"] = (2, stand => { stand.Norm(stand.X, stand.X); stand.Project(stand.X); }),
        ["a norm over its gain"] = (2, stand =>
        {
            stand.SetRows(1);
            stand.Norm(stand.Gain);
            stand.Project(stand.Gain);
        }),
        ["a norm whose statistics are asked for"] = (2, stand => { stand.Norm(stats: stand.Stats); stand.Project(); }),
        ["fewer rows in the product"] = (2, stand => { stand.Norm(); stand.SetRows(2); stand.Project(); }),
        ["more rows in the product"] = (2, stand =>
        {
            stand.SetRows(2);
            stand.Norm();
            stand.SetRows(3);
            stand.Project();
        }),
        ["fewer rows in the turning"] = (2, stand =>
        {
            stand.Project();
            stand.SetRows(2);
            stand.Turn(batch: stand.Fewer);
        }),
        ["turning twice"] = (3, stand => { stand.Norm(); stand.Project(); stand.Turn(); stand.Turn(); stand.Store(); }),
        ["turning after storing"] = (2, stand => { stand.Norm(); stand.Project(); stand.Store(); stand.Turn(); }),
        ["storing in two layers"] = (2, stand => { stand.Norm(); stand.Project(); stand.Store(0); stand.Store(1); }),
        ["turning of another tensor"] = (3, stand => { stand.Project(); stand.Turn(stand.OtherQkv); stand.Store(); }),
        ["storing of another tensor"] = (2, stand => { stand.Norm(); stand.Project(); stand.Store(qkv: stand.OtherQkv); }),
        ["turning as if heads were others"] = (2, stand => { stand.Project(); stand.Turn(heads: 1); stand.Store(); }),
        ["an activation before storing"] = (2, stand => { stand.Norm(); stand.Project(activation: Activation.Relu); stand.Store(); }),
        ["a residual before storing"] = (2, stand => { stand.Norm(); stand.Project(residual: stand.OtherQkv); stand.Store(); }),
        ["a read after the norm"] = (3, stand => { stand.Norm(); stand.Read(stand.Normed); stand.Project(); stand.Store(); }),
        ["a read after the product"] = (2, stand => { stand.Norm(); stand.Project(); stand.Read(stand.Qkv); stand.Store(); }),
        ["waiting after the norm"] = (2, stand => { stand.Norm(); stand.Gpu.Synchronize(); stand.Project(); }),
        ["a new norm's input"] = (2, stand => { stand.Norm(); stand.Write(stand.X); stand.Project(); }),
        ["a new norm's output"] = (2, stand => { stand.Norm(); stand.Write(stand.Normed); stand.Project(); }),
        ["a new product's output"] = (2, stand => { stand.Norm(); stand.Project(); stand.Write(stand.Qkv); stand.Store(); }),
        ["a page copied after the product"] = (2, stand => { stand.Norm(); stand.Project(); stand.Gpu.CopyPage(stand.Cache, 3, 1); stand.Store(); }),
        ["the next batch before storing"] = (3, stand =>
        {
            stand.Norm();
            stand.Project();
            stand.Prepare(past: 9);
            stand.Turn();
            stand.Store();
        }),
        ["a large batch before the product"] = (2, stand => { stand.Norm(); stand.PrepareMany(); stand.Project(); }),
        ["rows gathered from the norm"] = (2, stand => { stand.Norm(); stand.Gpu.GatherRows(stand.Other, stand.Normed, [2, 1, 0]); }),
        ["the norm's input given back"] = (1, stand => { stand.Norm(); stand.X.Dispose(); stand.X = stand.Other; stand.Project(); stand.Store(); }),
        ["the norm's input given back to the device"] = (2, stand =>
        {
            // More than half a slab: memory of its own.
            stand.X = stand.Gpu.Allocate(600_000, Stand.Width);
            stand.X.Rows = 3;
            stand.Write(stand.X);
            stand.Norm();
            stand.X.Dispose();
            stand.X = stand.Other;
            stand.Project();
        }),
        ["the norm's input given back and its memory taken"] = (2, stand =>
        {
            stand.Norm();
            stand.X.Dispose();
            stand.X = stand.Gpu.Allocate(3, Stand.Width);
            stand.Project();
        }),
        ["scoring of the norm, its input given back"] = (4, stand =>
        {
            // The targets are there already, so that no copy comes between; scratch memory of the logits begins before the input and ends behind it.
            stand.Gpu.GatherRows(stand.Other, stand.X, [2, 1, 0]);
            Tensor before = stand.Gpu.Allocate(3, Stand.Width);
            Tensor input = stand.Gpu.Allocate(3, Stand.Width);
            stand.Write(input);
            stand.Norm(x: input);
            before.Dispose();
            input.Dispose();
            stand.Score();
        }),
        ["weights given back after the product"] = (1, stand => { stand.Norm(); stand.Project(); stand.Weights.Dispose(); stand.Turn(); stand.Store(); }),
        ["the product's output given back and its memory taken"] = (2, stand =>
        {
            stand.Norm();
            stand.Project();
            stand.Qkv.Dispose();
            stand.Qkv = stand.Gpu.Allocate(3, 3 * Stand.Width);
            stand.Store();
        }),
        ["fusing switched off"] = (2, stand => { stand.Norm(); stand.Backend.FusesSteps = false; stand.Project(); }),
    };

    public static TheoryData<string> Names => [.. Orders.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Memory_is_what_separate_launches_leave(string name)
    {
        (int launches, Action<Stand> run) = Orders[name];
        (float[] Memory, int Launches) Run(bool fused)
        {
            using var stand = new Stand(fused);
            stand.Driver.Log.Clear();
            run(stand);
            stand.Gpu.Synchronize();
            int count = stand.Driver.Count("Launch");
            return (stand.Memory(), count);
        }

        (float[] expected, _) = Run(fused: false);
        (float[] actual, int count) = Run(fused: true);
        Assert.Equal(expected.Select(BitConverter.SingleToInt32Bits), actual.Select(BitConverter.SingleToInt32Bits));
        Assert.Equal(launches, count);
    }

    [Fact]
    public void Outside_a_step_nothing_is_held_back()
    {
        using var stand = new Stand(fused: true);
        stand.Gpu.Synchronize();
        foreach (Action operation in new Action[] { () => stand.Norm(), () => stand.Project(), () => stand.Turn(), () => stand.Store() })
        {
            stand.Driver.Log.Clear();
            operation();
            Assert.Equal(["Launch"], stand.Driver.Log);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_fails_when_it_is_sent_is_told_and_not_done_later(bool reading)
    {
        using var stand = new Stand(fused: true);
        stand.Norm();
        stand.Project();
        stand.Driver.Refuse = "Launch";
        Action next = reading ? () => stand.Read(stand.Other) : () => stand.Store();
        Assert.Equal("Launch was refused.", Assert.Throws<BackendException>(next).Message);
        stand.Driver.Log.Clear();
        stand.Gpu.Synchronize();
        Assert.Equal(["Synchronize"], stand.Driver.Log);

        // And is as good as before.
        stand.Prepare(past: 3);
        stand.Driver.Log.Clear();
        stand.Norm();
        stand.Project();
        stand.Store();
        stand.Gpu.Synchronize();
        Assert.Equal(["Launch", "Synchronize"], stand.Driver.Log);
    }

    [Fact]
    public void Memory_goes_back_to_the_device_though_what_is_sent_before_fails()
    {
        using var stand = new Stand(fused: true);

        // More than half a slab: memory of its own.
        Tensor large = stand.Gpu.Allocate(600_000, Stand.Width);
        stand.Norm();
        int before = stand.Driver.Interpreter.Allocations;
        stand.Driver.Refuse = "Launch";
        Assert.Equal("Launch was refused.", Assert.Throws<BackendException>(large.Dispose).Message);
        Assert.Equal(before - 1, stand.Driver.Interpreter.Allocations);
    }

    [Fact]
    public void What_nobody_reads_is_given_up_with_the_backend()
    {
        var stand = new Stand(fused: true);
        stand.Norm();
        stand.Project();
        stand.Turn();
        stand.Driver.Log.Clear();
        stand.Gpu.Dispose();
        Assert.DoesNotContain("Launch", stand.Driver.Log);
        stand.Dispose();
        Assert.DoesNotContain("Launch", stand.Driver.Log);
    }

    /// <summary>A backend within a step of three rows, each a sequence's, and what the operations need. Graphs are off, so that launches are seen.</summary>
    private sealed class Stand : IDisposable
    {
        public const int Width = 16;

        private static readonly AttentionShape Shape = new(2, 8, 1, 0);

        private readonly Batch _batch = new();
        private readonly Matrix _square;
        private readonly Tensor _bias;
        private PreparedBatch? _prepared;

        public Stand(bool fused)
        {
            Driver = new WatchedDriver();
            Backend = InterpretedGpu.Create(Driver, graphs: false, fused: fused);
            Gpu = new CheckedBackend(Backend);
            Cache = Gpu.CreateKvCache(2, 2, 8, 4, 16, CacheFormat.F16);
            Weights = OpCases.Matrix(Gpu, 3 * Width, Width, 1, MatrixFormat.BF16);
            _square = OpCases.Matrix(Gpu, Width, Width, 2, MatrixFormat.Q8);
            (Gain, _bias) = (Filled(1, Width, 3), Filled(1, Width, 4));
            (X, Normed, Other) = (Filled(3, Width, 5), Filled(3, Width, 6), Filled(3, Width, 7));
            (Qkv, OtherQkv, Stats) = (Filled(3, 3 * Width, 8), Filled(3, 3 * Width, 9), Filled(3, 2, 10));
            LogProb = Filled(3, 1, 12);

            var fewer = new Batch();
            fewer.Add([1, 2], 4, [0]);
            Fewer = Gpu.Prepare(fewer, null);

            // Once, so that the table of angles is there.
            Prepare(past: 2);
            Turn();
            Gpu.Synchronize();
            Prepare(past: 3);
        }

        public WatchedDriver Driver { get; }

        public GpuBackend Backend { get; }

        public CheckedBackend Gpu { get; }

        public KvCache Cache { get; }

        public Matrix Weights { get; }

        public Tensor Gain { get; }

        public Tensor X { get; set; }

        public Tensor Normed { get; }

        public Tensor Other { get; }

        public Tensor Qkv { get; set; }

        public Tensor OtherQkv { get; }

        public Tensor Stats { get; }

        public Tensor LogProb { get; }

        /// <summary>A batch of two rows.</summary>
        public PreparedBatch Fewer { get; }

        public void SetRows(int rows)
        {
            foreach (Tensor tensor in new[] { X, Normed, Other, Qkv, OtherQkv, Stats })
            {
                tensor.Rows = rows;
            }
        }

        public void Norm(Tensor? y = null, Tensor? x = null, Tensor? stats = null) => Gpu.LayerNorm(y ?? Normed, x ?? X, Gain, _bias, 1e-5f, stats);

        public void Project(Tensor? x = null, Activation activation = Activation.None, Tensor? residual = null) =>
            Gpu.Linear(Qkv, x ?? Normed, Weights, null, activation, residual);

        public void Square(Tensor y, Tensor x, Tensor? bias = null, Tensor? residual = null) =>
            Gpu.Linear(y, x, _square, bias, Activation.None, residual);

        public void Score() => Gpu.Score(LogProb, null, Normed, _square, null, [2, 1, 0]);

        public void Turn(Tensor? qkv = null, int heads = 2, PreparedBatch? batch = null) =>
            Gpu.Rotate(qkv ?? Qkv, batch ?? _prepared!, Shape with { Heads = heads, HeadDim = Width / heads }, 6);

        public void Store(int layer = 0, Tensor? qkv = null) => Gpu.StoreKeysValues(Cache, layer, qkv ?? Qkv, _prepared!);

        public void Read(Tensor tensor) => OpCases.Values(Gpu, tensor);

        public void Write(Tensor tensor) => Gpu.Write(tensor, Numbers.Spread(11, tensor.Rows * tensor.Cols));

        public void Prepare(int past)
        {
            _batch.Clear();
            for (int row = 0; row < 3; row++)
            {
                _batch.Add([1], past + row, [row]);
            }

            _prepared = Gpu.Prepare(_batch, _prepared);
        }

        public void PrepareMany()
        {
            var many = new Batch();
            many.Add(new int[GpuBatch.MostStepRows + 1], 0, []);
            Gpu.Prepare(many, null);
        }

        public float[] Memory()
        {
            List<float> values = [];
            foreach (Tensor tensor in new[] { X, Normed, Other, Qkv, OtherQkv, Stats, LogProb, Gain })
            {
                tensor.Rows = tensor.Capacity;
                values.AddRange(OpCases.Values(Gpu, tensor));
            }

            var page = new float[Cache.PageLength];
            for (int number = 0; number < Cache.Pages; number++)
            {
                Gpu.ReadPage(Cache, number, page);
                values.AddRange(page);
            }

            return [.. values];
        }

        public void Dispose()
        {
            Gpu.Dispose();
            Driver.Dispose();
        }

        private Tensor Filled(int rows, int cols, int seed) => OpCases.Tensor(Gpu, rows, cols, Numbers.Spread(seed, rows * cols));
    }
}
