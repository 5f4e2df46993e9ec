using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Linq.Expressions;
using System.Reflection;
using MessagePack;

namespace DistTrain.Protocol;

/// <summary>
/// Whether a message that was read is whole. No member of a message may be null, but MessagePack reads a nil as null, and fills an array that is too short with what a member is by default: whoever takes the message would fall over it.
/// </summary>
internal static class WholeMessage
{
    private static readonly ConcurrentDictionary<Type, Func<object, string?>> Checks = new();

    /// <summary>The name of a member that is not there; null where all are.</summary>
    public static string? Lacks(object message) => Checks.GetOrAdd(message.GetType(), Of)(message);

    private static Func<object, string?> Of(Type type)
    {
        var message = Expression.Parameter(typeof(object));
        return Expression.Lambda<Func<object, string?>>(Members(Expression.Convert(message, type)) ?? Whole, message).Compile();
    }

    private static ConstantExpression Whole => Expression.Constant(null, typeof(string));

    /// <summary>Finds what is missing of a value's members; null where nothing can be.</summary>
    private static Expression? Members(Expression value)
    {
        Expression? found = null;
        foreach (var property in value.Type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.GetCustomAttribute<KeyAttribute>() is not null))
            if (Member(Expression.Property(value, property), property.Name) is { } check) found = found is null ? check : Expression.Coalesce(found, check);
        return found;
    }

    private static Expression? Member(Expression member, string name)
    {
        var inner = member.Type.IsArray || member.Type == typeof(string) ? null : Members(member);
        if (!member.Type.IsValueType) return IfMissing(Expression.Equal(member, Expression.Constant(null, member.Type)), name, inner);
        if (!member.Type.IsGenericType || member.Type.GetGenericTypeDefinition() != typeof(ImmutableArray<>)) return inner;
        var element = Expression.Parameter(member.Type.GetGenericArguments()[0]);
        Expression? items = null;
        if (Member(element, $"an element of {name}") is { } check)
        {
            var method = typeof(WholeMessage).GetMethod(nameof(Items), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(element.Type);
            items = Expression.Call(method, member, Expression.Constant(Expression.Lambda(check, element).Compile()));
        }
        return IfMissing(Expression.Property(member, nameof(ImmutableArray<int>.IsDefault)), name, items);
    }

    private static ConditionalExpression IfMissing(Expression missing, string name, Expression? otherwise) => Expression.Condition(missing, Expression.Constant(name), otherwise ?? Whole);

    private static string? Items<T>(ImmutableArray<T> items, Func<T, string?> check)
    {
        foreach (var item in items)
            if (check(item) is { } missing) return missing;
        return null;
    }
}
