using System.Reflection;
using System.Text;

namespace Palmyra.Gpu.Compilation;

/// <summary>What a kernel's method is called.</summary>
internal static class KernelName
{
    /// <summary>For people: "Gemm&lt;Tile128, BFloat16&gt;".</summary>
    public static string Of(MethodInfo method)
    {
        if (!method.IsGenericMethod && method.DeclaringType is not { IsGenericType: true })
        {
            return method.Name;
        }

        var arguments = new List<Type>();
        if (method.DeclaringType is { IsGenericType: true } type)
        {
            arguments.AddRange(type.GetGenericArguments());
        }

        if (method.IsGenericMethod)
        {
            arguments.AddRange(method.GetGenericArguments());
        }

        return $"{method.Name}<{string.Join(", ", arguments.Select(Of))}>";
    }

    // "Pair<OneRow>", where the type's own name is "Pair`1".
    private static string Of(Type type) => type.IsGenericType
        ? $"{type.Name[..type.Name.IndexOf('`')]}<{string.Join(", ", type.GetGenericArguments().Select(Of))}>"
        : type.Name;

    /// <summary>
    /// For machines: every type by its full name and by the version id of the module it lies in, so that a changed build is another signature.
    /// </summary>
    public static string Signature(MethodInfo method)
    {
        var text = new StringBuilder();
        Append(text, method.DeclaringType);
        text.Append('.').Append(method.Name);
        foreach (Type argument in method.IsGenericMethod ? method.GetGenericArguments() : [])
        {
            Append(text.Append('<'), argument);
        }

        foreach (ParameterInfo parameter in method.GetParameters())
        {
            Append(text.Append('('), parameter.ParameterType);
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, Type? type)
    {
        if (type is null)
        {
            return;
        }

        // Of a generic type the arguments are listed one by one: FullName would name their assemblies, but not their modules' ids.
        Type shape = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        text.Append(shape.FullName ?? shape.Name).Append('@').Append(type.Module.ModuleVersionId.ToString("N"));
        foreach (Type argument in type.IsGenericType ? type.GetGenericArguments() : [])
        {
            Append(text.Append('<'), argument);
        }
    }
}
