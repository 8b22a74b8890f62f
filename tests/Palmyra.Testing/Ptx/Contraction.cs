using System.Text;
using System.Text.RegularExpressions;

namespace Palmyra.Testing.Ptx;

/// <summary>
/// Joins products and sums as NVIDIA's assembler may: "mul/add sequences with no rounding modifiers may be optimized to use fused-multiply-add
/// instructions" (PTX manual, add, sub and mul). What it does in truth is its own affair; this joins all that stand in one block, one rounding
/// less for each, and of two products the first.
/// </summary>
internal static partial class Contraction
{
    /// <summary>The text with its products joined to the sums that use them.</summary>
    /// <param name="text">PTX as ILGPU writes it, an instruction a line.</param>
    /// <param name="joined">How many sums were joined.</param>
    public static string Of(string text, out int joined)
    {
        joined = 0;
        var products = new Dictionary<string, (string A, string B)>();
        var result = new StringBuilder();
        foreach (string line in text.Split('\n'))
        {
            if (line.TrimEnd().EndsWith(':'))
            {
                products.Clear();
            }

            Match sum = Arithmetic().Match(line);
            string? fused = sum.Success ? Fused(sum, products) : null;
            joined += fused is null ? 0 : 1;
            result.Append(fused ?? line).Append('\n');
            if (line.Contains(".reg .f32\t%f<", StringComparison.Ordinal))
            {
                result.Append("\t.reg .f32\t%fuse;\n");
            }

            Forget(line, products);
            if (sum.Success && sum.Groups["name"].Value == "mul" && sum.Groups["d"].Value is string product
                && product != sum.Groups["x"].Value && product != sum.Groups["y"].Value)
            {
                products[product] = (sum.Groups["x"].Value, sum.Groups["y"].Value);
            }
        }

        return result.ToString();
    }

    private static string? Fused(Match sum, Dictionary<string, (string A, string B)> products)
    {
        (string d, string x, string y) = (sum.Groups["d"].Value, sum.Groups["x"].Value, sum.Groups["y"].Value);
        return sum.Groups["name"].Value switch
        {
            "add" when products.TryGetValue(x, out (string A, string B) one) => $"\tfma.rn.f32 {d}, {one.A}, {one.B}, {y};",
            "add" when products.TryGetValue(y, out (string A, string B) one) => $"\tfma.rn.f32 {d}, {one.A}, {one.B}, {x};",
            "sub" when products.TryGetValue(x, out (string A, string B) one) => $"\tneg.f32 %fuse, {y}; fma.rn.f32 {d}, {one.A}, {one.B}, %fuse;",
            "sub" when products.TryGetValue(y, out (string A, string B) one) => $"\tneg.f32 %fuse, {one.A}; fma.rn.f32 {d}, %fuse, {one.B}, {x};",
            _ => null,
        };
    }

    // What an instruction writes stands first: a register, or several in braces.
    private static void Forget(string line, Dictionary<string, (string A, string B)> products)
    {
        foreach (Match register in Register().Matches(Target().Match(line).Value))
        {
            products.Remove(register.Value);
            foreach (string product in products.Where(one => one.Value.A == register.Value || one.Value.B == register.Value).Select(one => one.Key).ToArray())
            {
                products.Remove(product);
            }
        }
    }

    [GeneratedRegex(@"^\s*(?<name>mul|add|sub)\.f32\s+(?<d>%f[0-9]+), (?<x>[^,]+), (?<y>[^;]+);")]
    private static partial Regex Arithmetic();

    [GeneratedRegex(@"^\s*(@!?%p[0-9]+\s+)?[a-z][\w.:]*\s+(\{[^}]*\}|%f[0-9]+)")]
    private static partial Regex Target();

    [GeneratedRegex("%f[0-9]+")]
    private static partial Regex Register();
}
