using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;

namespace DistTrain.Tests;

/// <summary>All types that a type's code mentions: bases, members, signatures, locals, and what its methods' instructions touch. Found by reflection, so no spelling hides one.</summary>
internal static class TypeUses
{
    private const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<short, OperandType> Operands = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value, code => code.OperandType);

    /// <summary>The types that <paramref name="type"/> mentions; generic ones by their definition, and each of their arguments.</summary>
    public static IReadOnlySet<Type> Of(Type type)
    {
        var uses = new HashSet<Type>();
        Add(uses, type.BaseType);
        foreach (var contract in type.GetInterfaces()) Add(uses, contract);
        foreach (var parameter in type.GetGenericArguments().Where(a => a.IsGenericParameter))
            foreach (var constraint in parameter.GetGenericParameterConstraints()) Add(uses, constraint);
        foreach (var field in type.GetFields(All)) Add(uses, field.FieldType);
        foreach (var method in type.GetMethods(All).Cast<MethodBase>().Concat(type.GetConstructors(All))) AddMethod(uses, method);
        return uses;
    }

    private static void AddMethod(HashSet<Type> uses, MethodBase method)
    {
        Add(uses, (method as MethodInfo)?.ReturnType);
        foreach (var parameter in method.GetParameters()) Add(uses, parameter.ParameterType);
        if (method.GetMethodBody() is not { } body) return;
        foreach (var local in body.LocalVariables) Add(uses, local.LocalType);
        foreach (var clause in body.ExceptionHandlingClauses)
            if (clause.Flags == ExceptionHandlingClauseOptions.Clause) Add(uses, clause.CatchType);
        var typeArguments = method.DeclaringType!.IsGenericType ? method.DeclaringType.GetGenericArguments() : null;
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        foreach (int token in Tokens(body.GetILAsByteArray()!))
        {
            switch (method.Module.ResolveMember(token, typeArguments, methodArguments))
            {
                case Type mentioned: Add(uses, mentioned); break;
                case FieldInfo field:
                    Add(uses, field.DeclaringType);
                    Add(uses, field.FieldType);
                    break;
                case MethodBase called:
                    Add(uses, called.DeclaringType);
                    Add(uses, (called as MethodInfo)?.ReturnType);
                    if (called.IsGenericMethod)
                        foreach (var argument in called.GetGenericArguments()) Add(uses, argument);
                    break;
            }
        }
    }

    /// <summary>The metadata tokens of fields, methods and types in a method's instructions.</summary>
    private static IEnumerable<int> Tokens(byte[] code)
    {
        int at = 0;
        while (at < code.Length)
        {
            short value = code[at++];
            if (value == 0xFE) value = (short)(0xFE00 | code[at++]);
            switch (Operands[value])
            {
                case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType:
                    yield return BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at));
                    at += 4;
                    break;
                case OperandType.InlineNone: break;
                case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar: at += 1; break;
                case OperandType.InlineVar: at += 2; break;
                case OperandType.InlineI8 or OperandType.InlineR: at += 8; break;
                case OperandType.InlineSwitch: at += 4 + 4 * BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at)); break;
                default: at += 4; break;
            }
        }
    }

    private static void Add(HashSet<Type> uses, Type? type)
    {
        if (type is null || type.IsGenericParameter) return;
        if (type.HasElementType)
        {
            Add(uses, type.GetElementType());
            return;
        }
        if (!type.IsGenericType)
        {
            uses.Add(type);
            return;
        }
        if (uses.Add(type.GetGenericTypeDefinition()) || type.IsConstructedGenericType)
            foreach (var argument in type.GetGenericArguments()) Add(uses, argument);
    }
}
