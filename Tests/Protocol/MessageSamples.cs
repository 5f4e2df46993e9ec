using System.Collections.Immutable;
using System.Reflection;
using Akka.Actor;

namespace DistTrain.Tests.Protocol;

/// <summary>Makes an instance of any message type, its fields filled from a seed.</summary>
internal static class MessageSamples
{
    public static object Make(Type type, Random random, IActorRef actor)
    {
        if (type == typeof(int)) return random.Next(int.MinValue, int.MaxValue);
        if (type == typeof(long)) return random.NextInt64(long.MinValue, long.MaxValue);
        if (type == typeof(ulong)) return (ulong)random.NextInt64();
        if (type == typeof(float)) return random.Next(4) == 0 ? float.NaN : random.NextSingle();
        if (type == typeof(double)) return random.Next(4) == 0 ? double.NaN : random.NextDouble();
        if (type == typeof(bool)) return random.Next(2) == 0;
        if (type == typeof(string)) return "é" + random.Next();
        if (type == typeof(byte[])) return Bytes(random, random.Next(40));
        if (type == typeof(Guid)) return new Guid(Bytes(random, 16));
        if (type == typeof(IActorRef)) return actor;
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ImmutableArray<>))
        {
            var element = type.GetGenericArguments()[0];
            var items = Array.CreateInstance(element, random.Next(5));
            for (int i = 0; i < items.Length; i++) items.SetValue(Make(element, random, actor), i);
            return typeof(ImmutableArray).GetMethods().Single(m => m.Name == nameof(ImmutableArray.Create) && m.GetParameters() is [{ ParameterType.IsArray: true }])
                .MakeGenericMethod(element).Invoke(null, [items])!;
        }
        var constructor = type.GetConstructors().Single(c => c.GetParameters() is { Length: > 0 } p && p[0].ParameterType != type);
        return constructor.Invoke(constructor.GetParameters().Select(p => Make(p.ParameterType, random, actor)).ToArray());
    }

    public static byte[] Bytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>The public positional members of a record, nested arrays spelt out, for comparing two instances.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "nil",
        string or IActorRef or ValueType { } and (int or long or ulong or float or double or bool or Guid) => value.ToString()!,
        System.Collections.IEnumerable items => "[" + string.Join(",", items.Cast<object?>().Select(Describe)) + "]",
        _ => value.GetType().Name + "(" + string.Join(",", value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.GetIndexParameters().Length == 0 && p.GetMethod is { IsStatic: false })
            .Where(p => p.GetCustomAttribute<MessagePack.KeyAttribute>() is not null).Select(p => Describe(p.GetValue(value)))) + ")",
    };
}
