using System.Collections.Concurrent;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Checking;

/// <summary>
/// Refuses PTX that NVIDIA's assembler would refuse, by the manual's rules: each instruction's syntax, the types of its operands, the PTX version
/// and the target it needs, and what may be declared. It knows less than the manual and nothing else: an instruction without a line in the tables
/// of forms is refused.
/// </summary>
/// <remarks>
/// What the interpreter's own translation already refuses (names and labels that are not declared or declared twice) is not looked for again.
/// </remarks>
internal sealed class PtxChecker
{
    // PTX manual 5.1.6.1 before PTX 8.1; 5.1.7 and the CUDA guide's technical specifications.
    private const int MostParameterBytes = 4096;
    private const int MostSharedBytes = 48 << 10;

    private static readonly ConcurrentDictionary<PtxModule, bool> Passed = new();

    // PTX manual 11.1.2, ".target": the version that brought each.
    private static readonly (int Target, int Version)[] Targets =
        [(120, 87), (100, 86), (90, 78), (89, 78), (87, 74), (86, 71), (80, 70), (75, 63), (70, 60), (60, 50), (0, 10)];

    private readonly string _kernel;
    private readonly PtxModule _module;

    private PtxChecker(string kernel, PtxModule module)
    {
        _kernel = kernel;
        _module = module;
    }

    /// <summary>Checks a module, unless it was before.</summary>
    /// <exception cref="PtxFailure">Something in it is not as the manual has it.</exception>
    public static void Check(string kernel, PtxModule module)
    {
        if (!Passed.ContainsKey(module))
        {
            new PtxChecker(kernel, module).Check();
            Passed.TryAdd(module, true);
        }
    }

    private void Check()
    {
        int needed = Targets.First(one => _module.Target >= one.Target).Version;
        if (_module.Version == 0 || _module.Target == 0 || _module.Version < needed)
        {
            throw Refused(1, ".version", $"sm_{_module.Target} needs PTX {needed / 10}.{needed % 10}; found {_module.Version / 10}.{_module.Version % 10}");
        }

        if (_module.AddressSize != 64)
        {
            throw Refused(1, ".address_size", "addresses of 64 bits are expected");
        }

        var outside = new DeclaredNames(null);
        foreach (VariableDeclaration variable in _module.Variables)
        {
            Declare(outside, variable);
        }

        foreach (PtxEntry function in _module.Functions.Values)
        {
            Body(function, outside);
        }

        foreach (PtxEntry entry in _module.Entries.Values)
        {
            Sizes(entry);
            Body(entry, outside);
        }
    }

    private void Sizes(PtxEntry entry)
    {
        int bytes = 0;
        foreach (VariableDeclaration parameter in entry.Parameters)
        {
            bytes = ((bytes + parameter.Alignment - 1) / parameter.Alignment * parameter.Alignment) + parameter.Bytes;
        }

        if (bytes > MostParameterBytes)
        {
            throw Refused(1, entry.Name, $"{bytes} bytes of parameters are more than {MostParameterBytes}");
        }

        int shared = _module.Variables.Concat(entry.Body.OfType<VariableDeclaration>()).Where(one => one.Space == "shared").Sum(one => one.Bytes);
        if (shared > MostSharedBytes)
        {
            throw Refused(1, entry.Name, $"{shared} bytes of static shared memory are more than {MostSharedBytes}");
        }
    }

    private void Body(PtxEntry function, DeclaredNames outside)
    {
        var names = new DeclaredNames(outside);
        foreach (VariableDeclaration parameter in function.Parameters.Concat(function.Results))
        {
            Declare(names, parameter);
        }

        InstructionStatement? last = null;
        foreach (Statement statement in function.Body)
        {
            switch (statement)
            {
                case Brace { Opens: true }:
                    names = new DeclaredNames(names);
                    break;
                case Brace:
                    names = names.Parent ?? names;
                    break;
                case RegisterDeclaration registers:
                    Declare(names, registers);
                    break;
                case VariableDeclaration variable:
                    Declare(names, variable);
                    break;
                case Label label:
                    Identifier(label, label.Name);
                    last = null;
                    break;
                case InstructionStatement instruction:
                    new InstructionChecker(_kernel, _module, instruction, names).Check();
                    last = instruction;
                    break;
            }
        }

        if (last is not { Guard: null, Opcode: ["ret" or "exit" or "bra" or "brx" or "trap", ..] })
        {
            throw Refused(last?.Line ?? 1, last?.Text ?? function.Name, "the body ends without ret");
        }
    }

    private void Declare(DeclaredNames names, RegisterDeclaration registers)
    {
        Identifier(registers, registers.Name);
        if (registers.Type.Kind == ValueKind.Brain)
        {
            throw Refused(registers.Line, registers.Text, "brain floats have no registers of their own: .b16 or .b32 is expected");
        }

        for (int i = 0; i < (registers.Count ?? 1); i++)
        {
            names.Declare(registers.Count is null ? registers.Name : registers.Name + i, registers.Type);
        }
    }

    private void Declare(DeclaredNames names, VariableDeclaration variable)
    {
        Identifier(variable, variable.Name);
        if (variable.Type.Kind == ValueKind.Predicate || variable.Alignment <= 0 || (variable.Alignment & (variable.Alignment - 1)) != 0)
        {
            throw Refused(variable.Line, variable.Text, "a variable holds no predicates, and its alignment is a power of two");
        }

        names.Declare(variable);
    }

    // PTX manual 4.4: a letter and more, or '_', '$', '%' and at least one more; 4.3.2: what instructions are called is reserved.
    private void Identifier(Statement statement, string name)
    {
        bool shaped = name.Length > 0 && (char.IsAsciiLetter(name[0]) || (name.Length > 1 && name[0] is '_' or '$' or '%'))
            && name.Skip(1).All(sign => char.IsAsciiLetterOrDigit(sign) || sign is '_' or '$');
        if (!shaped || InstructionForms.IsReserved(name) || SpecialRegisters.Find(name) is not null)
        {
            throw Refused(statement.Line, statement.Text, $"{name} cannot be a name");
        }
    }

    private PtxFailure Refused(int line, string text, string reason) => new(_kernel, line, text, reason);
}
