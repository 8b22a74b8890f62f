using System.Reflection;
using System.Text.RegularExpressions;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing.Ptx.Checking;
using Palmyra.Testing.Ptx.Syntax;

namespace Palmyra.Gpu.Tests;

/// <summary>Every kernel compiles to PTX as the manual has it, and keeps its numbers in registers.</summary>
public sealed partial class KernelTests
{
    private static readonly Type[] Weights = [typeof(F32Weights), typeof(F16Weights), typeof(BF16Weights), typeof(Q8Weights), typeof(Q4Weights)];

    private static readonly Type[] Rows =
    [
        typeof(OneRow), typeof(Pair<OneRow>), typeof(Pair<Pair<OneRow>>), typeof(Pair<Pair<Pair<OneRow>>>), typeof(Pair<Pair<Pair<Pair<OneRow>>>>),
    ];

    private static readonly Type[][] Numbers =
    [
        [typeof(F32Numbers), typeof(Float4)], [typeof(F16Numbers), typeof(Word4)], [typeof(Q8Numbers), typeof(Word2)],
    ];

    private static readonly Type[] Tiles = [typeof(NarrowHeads), typeof(MiddleHeads), typeof(WideHeads)];

    [Fact]
    public void Kernels_compile_without_local_memory()
    {
        using var compiler = new KernelCompiler();
        int compiled = 0;
        foreach (MethodInfo kernel in Kernels())
        {
            int threads = ThreadsOf(kernel);
            string text = compiler.Compile(kernel, threads).Text;

            // Without it the assembler may give threads more registers than a block of so many has.
            Assert.Contains($".maxntid {threads}, 1, 1", text, StringComparison.Ordinal);
            PtxChecker.Check(kernel.Name, PtxModule.Of(kernel.Name, text));
            Assert.DoesNotMatch(@"@!?%p[0-9]+\s+bra\.uni", text);
            AssertRounding(kernel, text);
            PtxText facts = PtxText.Read(text);
            Assert.True(facts.LocalBytes == 0, $"{kernel.DeclaringType!.Name}.{kernel.Name} has {facts.LocalBytes} bytes of local memory.");
            string name = $"{kernel.DeclaringType!.Name}.{kernel.Name}";
            Assert.True(facts.SharedBytes <= 48 << 10, $"{name} has {facts.SharedBytes} bytes of shared memory.");
            compiled++;
        }

        Assert.True(compiled >= 40, $"{compiled} kernels were found.");
    }

    // Only attention on tensor cores has an approximation, for exponentials that it rounds to halves. Nothing else is approximate or takes
    // subnormal numbers for zeros, and what could be approximate says that it is not.
    private static void AssertRounding(MethodInfo kernel, string text)
    {
        string[] approximations = kernel.DeclaringType == typeof(TensorAttention) ? ["ex2.approx.ftz.f32"] : [];
        Assert.Equal(approximations, Approximate().Matches(text).Select(match => match.Value).Distinct());
        Assert.All(Divided().Matches(text), match => Assert.Contains(".rn", match.Value, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"\b[a-z0-9]+(?=[.a-z0-9]*\.(approx|full|ftz)\b)[.a-z0-9]*")]
    private static partial Regex Approximate();

    [GeneratedRegex(@"\b(div|rcp|sqrt|rsqrt|sin|cos|lg2|tanh)\.[.a-z0-9]*\bf(32|64)\b")]
    private static partial Regex Divided();

    // What the backend starts: public methods of the kernels' classes without a result, whose parameters begin with a view.
    internal static IEnumerable<MethodInfo> Kernels() =>
        from type in new[]
        {
            typeof(Activating), typeof(Normalizing), typeof(LookingUp), typeof(Rotating), typeof(Caching), typeof(Gemv), typeof(TiledLinear),
            typeof(FusedGemv), typeof(PrefillAttention), typeof(TensorAttention), typeof(DecodeAttention), typeof(Scoring), typeof(Ranking),
        }
        from method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly)
        where method.ReturnType == typeof(void) && method.Name != nameof(Caching.Write)
        from kernel in Closed(method)
        select kernel;

    // Threads of a kernel's largest blocks.
    internal static int ThreadsOf(MethodInfo kernel)
    {
        Type[] arguments = kernel.GetGenericArguments();
        return kernel.Name switch
        {
            nameof(Ranking.Merge) => Ranking.MergeThreads,
            nameof(FusedGemv.Linear) when arguments.Contains(typeof(NormedInputs)) => FusedGemv.Teams * 128,
            nameof(TiledLinear.LinearTiles) when arguments.Contains(typeof(LargeFloatTile)) => LargeFloatTile.Threads * LargeFloatTile.Threads,
            _ => (int?)kernel.DeclaringType!.GetField("Threads")?.GetRawConstantValue() ?? 128,
        };
    }

    private static IEnumerable<MethodInfo> Closed(MethodInfo method)
    {
        string[] names = [.. method.GetGenericArguments().Select(argument => argument.Name)];
        return names switch
        {
            [] => [method],
            ["TWeights"] => Weights.Select(weights => method.MakeGenericMethod(weights)),
            ["TTile"] => new[] { typeof(SmallFloatTile), typeof(LargeFloatTile) }.Select(tile => method.MakeGenericMethod(tile)),
            ["TTile", _, _] => Tiles.SelectMany(tile => Numbers.Select(numbers => method.MakeGenericMethod([tile, .. numbers]))),
            ["TWeights", "TRows"] =>
                from weights in Weights
                from rows in Rows
                where weights == typeof(F32Weights) || rows != Rows[^1]
                select method.MakeGenericMethod(weights, rows),
            ["TWeights", "TRows", "TInputs", "TNumbers", "TPiece"] => Fused(method),
            _ => Numbers.Select(numbers => method.MakeGenericMethod(numbers)),
        };
    }

    // One and the most rows with a norm, the most without.
    private static IEnumerable<MethodInfo> Fused(MethodInfo method) => Weights.SelectMany(weights => new[]
    {
        method.MakeGenericMethod(weights, Rows[0], typeof(NormedInputs), typeof(F32Numbers), typeof(Float4)),
        method.MakeGenericMethod(weights, Rows[2], typeof(NormedInputs), typeof(F16Numbers), typeof(Word2)),
        method.MakeGenericMethod(weights, weights == typeof(F32Weights) ? Rows[4] : Rows[3], typeof(StoredInputs), typeof(F16Numbers), typeof(Word2)),
    });
}
