namespace Palmyra.Testing.Ptx.Execution;

/// <summary>Where shared and local memory lie among generic addresses. Global memory lies below both, at its own addresses.</summary>
internal static class Window
{
    /// <summary>Generic address of shared memory's first byte.</summary>
    public const ulong Shared = 1UL << 56;

    /// <summary>Generic address of a thread's first byte of local memory.</summary>
    public const ulong Local = 1UL << 57;

    /// <summary>What is added to an address of <paramref name="space"/> to make it generic.</summary>
    public static ulong Start(Space space) => space switch
    {
        Space.Shared => Shared,
        Space.Local => Local,
        _ => 0,
    };

    /// <summary>Finds the space of a generic address.</summary>
    public static (Space Space, ulong Address) Resolve(ulong address) =>
        address >= Local ? (Space.Local, address - Local) : address >= Shared ? (Space.Shared, address - Shared) : (Space.Global, address);
}
