using System.Runtime.InteropServices;
using System.Text;
using Palmyra.Gpu.Driver;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Ptx;

/// <summary>Kernels written by hand: a few instructions within what every kernel has.</summary>
internal static class Snippet
{
    private const string Header = ".version 8.0\n.target sm_90\n.address_size 64\n";

    /// <summary>
    /// Runs <paramref name="code"/> in one thread for each element: a, b, c and e are the inputs' elements, y is the result, of as many bytes as
    /// the arrays' elements have; d and f are spare 32-bit registers, w a 64-bit one, p and q predicates.
    /// </summary>
    public static TY[] Map<TY>(string code, params Array[] inputs)
        where TY : unmanaged
    {
        using var driver = new PtxDriver();
        return Map<TY>(driver, code, inputs);
    }

    /// <summary>The same on a driver that the caller looks at afterwards.</summary>
    public static TY[] Map<TY>(PtxDriver driver, string code, params Array[] inputs)
        where TY : unmanaged
    {
        int count = inputs[0].Length;
        int bytes = Marshal.SizeOf<TY>();
        string[] names = ["a", "b", "c", "e"];
        var body = new StringBuilder($".reg .b64 in, out, at; .reg .b32 i, d, f; .reg .b64 w; .reg .pred p, q, over; .reg .b{Register(bytes)} y;\n");
        body.Append("mov.u32 i, %tid.x; mov.u32 d, %ctaid.x; mad.lo.u32 i, d, 64, i;\n");
        body.Append($"setp.ge.u32 over, i, {count}; @over ret;\n");
        KernelArguments arguments = default;
        for (int n = 0; n < inputs.Length; n++)
        {
            int size = Buffer.ByteLength(inputs[n]) / count;
            nint address = driver.Allocate(Buffer.ByteLength(inputs[n]));
            byte[] copy = new byte[Buffer.ByteLength(inputs[n])];
            Buffer.BlockCopy(inputs[n], 0, copy, 0, copy.Length);
            driver.CopyIn(address, copy);
            arguments = arguments.Add((long)address);
            body.Append($".reg .b{Register(size)} {names[n]}; ld.param.u64 in, [in{n}]; mad.wide.u32 at, i, {size}, in; ld.global.b{8 * size} {names[n]}, [at];\n");
        }

        nint result = driver.Allocate((long)count * bytes);
        arguments = arguments.Add((long)result);
        body.Append(code);
        body.Append($"\nld.param.u64 out, [result]; mad.wide.u32 at, i, {bytes}, out; st.global.b{8 * bytes} [at], y;");
        string parameters = string.Concat(Enumerable.Range(0, inputs.Length).Select(n => $".param .u64 in{n}, "));
        PtxKernel kernel = Kernel($"{parameters}.param .u64 result", body.ToString());
        driver.Launch(driver.Load(kernel), new LaunchShape((count + 63) / 64, 1, 64), arguments.Bytes);
        return driver.Download<TY>(result, count);
    }

    /// <summary>
    /// Runs <paramref name="code"/> with %rd naming a buffer of <paramref name="results"/> numbers that it fills. Registers: r0 to r31 and a copy
    /// of %tid.x in tid (32 bits), l0 to l31 (64 bits), f0 to f31 (floats), h0 to h31 (16 bits), p0 to p7 (predicates).
    /// </summary>
    public static uint[] Run(string code, int threads, int results, int blocks = 1, int shared = 0)
    {
        using var driver = new PtxDriver { InstructionBudget = 1_000_000 };
        return Run(driver, code, threads, results, blocks, shared);
    }

    /// <summary>The same on a driver that the caller looks at afterwards.</summary>
    public static uint[] Run(PtxDriver driver, string code, int threads, int results, int blocks = 1, int shared = 0)
    {
        nint result = driver.Allocate(4L * results);
        driver.Launch(driver.Load(Block(code)), new LaunchShape(blocks, 1, threads, shared), default(KernelArguments).Add((long)result).Bytes);
        return driver.Download<uint>(result, results);
    }

    /// <summary>The kernel that <see cref="Run(string, int, int, int, int)"/> runs.</summary>
    public static PtxKernel Block(string code) => Kernel(
        ".param .u64 result",
        ".reg .b32 r<32>; .reg .b64 l<32>; .reg .f32 f<32>; .reg .b16 h<32>; .reg .pred p<8>; .reg .b32 tid; .reg .b64 %rd, mine;\n" +
        "ld.param.u64 %rd, [result]; mov.u32 tid, %tid.x; mad.wide.u32 mine, tid, 4, %rd;\n" + code);

    /// <summary>A kernel of these parameters and this body.</summary>
    public static PtxKernel Kernel(string parameters, string body) => new(
        "Snippet", "Snippet",
        $"{Header}.extern .shared .align 16 .b8 dynamic[];\n.visible .entry Snippet({parameters})\n{{\n{body}\nret;\n}}\n",
        1024);

    private static int Register(int bytes) => 8 * Math.Max(bytes, 2);
}
